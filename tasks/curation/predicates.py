"""One pair to what is wrong with it: every predicate takes a ``Case`` and returns what it found, or ''.

    refers_to_the_passage(Case(pair "What does the passage say of brine?"))  ->  "'the passage' in: What does the ..."
    answer_not_in_evidence(Case(answer "Ada Lorn", evidence "The pump was built by Odo Marrick."))
      ->  "looked for 'ada lorn' in: The pump was built by Odo Marrick."

Refusals have no evidence and answer with no value: the predicates about evidence and values pass them by.
"""

import re
from dataclasses import dataclass

from tasks.config import CurationConfig
from tasks.curation.control import control_token
from tasks.curation.language import foreign
from tasks.curation.references import unresolved, without_lead
from tasks.curation.wording import (
    AUXILIARIES,
    WH_WORDS,
    content_words,
    is_number,
    names,
    normalise,
    similarity,
    word_list,
    wording,
)
from tasks.records import Pair

# Forms that are no questions by design: a text to complete, a statement to judge, a task to do.
NOT_QUESTIONS = frozenset("cloze completion statement instruction keyword true-false attribute order indirect".split())
# Forms whose answer stands in the question by design.
ANSWER_IN_QUESTION = frozenset("choice order true-false polar-yes polar-no tag statement instruction".split())
# Forms whose answer is a verdict or a source name, not a span of the text.
NO_SPAN = frozenset("polar-yes polar-no true-false tag order instruction".split())
VERDICTS = frozenset("yes no true false".split())
TRIVIAL = frozenset("it they them he she him her this that these those there none nothing something someone".split())

_PASSAGE = re.compile(
    r"\b(?:the|this|that|these|above|following|given|provided|preceding|previous)\s+(?:\w+\s+)?"
    r"(?:passage|paragraph|excerpt|extract|snippet|context|text|sentence|article|document|chapter|section|statement)s?\b"
    r"(?!\s+(?:to|of|from|through|between|across|on|at|under|behind|into)\b)"  # the passage to Wexholme
    r"|\b(?:according to|as (?:stated|described|mentioned|given|noted|discussed) (?:in|by)|based on|"
    r"in the words of)\s+(?:the|this|that)\s+(?:\w+\s+)?(?:author|narrator|writer|speaker|sentence|text|story|book|"
    r"handbook|manual|guide)s?\b"
    r"|\b(?:is|are|was|were|as|been|being|not)\s+(?:\w+ly\s+)?(?:mentioned|described|discussed|stated|referred to)\b"
    r"(?!\s+(?:as|by|on|at|with)\b)|\b(?:mentioned|described|stated|discussed|listed|given)\s+(?:above|below|here|earlier)\b"
    r"|\bwhat (?:does|did|is) the (?:author|narrator|writer|sentence|passage|text)\b|\bthe author'?s?\b",
    re.IGNORECASE,
)
_RESIDUE = re.compile(
    r"\A\s*(?:Q|A|Question|Answer|Frage|Output|Response|Statement|Fact)\s*\d*\s*[:.)\]]\s|\A\s*(?:\d+[.)]|[-*\u2022])\s"
    r"|\*\*|```|\{\{|\}\}|\[(?:your|insert|name|answer)\b|https?://\S{60,}|\ufffd|\b(\w+)(?:\s+\1\b){2,}",
    re.IGNORECASE,
)
# Cut short by the token limit: "What is the", "Which pump was built by". "What is it made of?" is whole.
_UNFINISHED = re.compile(
    r"(?:[,;:(\u2014-]\s*|\b(?:the|a|an|and|or)\s*\??|\b(?:of|by|with|to|in|which|that|for|from)\s*)\Z", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Case:
    """One pair with what it is judged by. ``document`` is '' where no text belongs to the pair's source."""

    pair: Pair
    document: str
    config: CurationConfig

    @property
    def evidence(self) -> str:
        """The sentence that the pair claims to stand on."""
        return self.document[self.pair.evidence_start : self.pair.evidence_end]

    @property
    def answerable(self) -> bool:
        """Whether the pair asserts something."""
        return self.pair.kind == "answerable"


def malformed(case: Case) -> str:
    """Empty, several lines, template residue, unclosed brackets, a loop of words, or a question cut short."""
    for text in (case.pair.question, case.pair.answer):
        if not any(character.isalnum() for character in text):
            return f"no word in {text!r}"
        if "\n" in text.strip() and case.pair.form != "instruction":
            return f"several lines: {text!r}"
        if text.count("(") != text.count(")") or text.count("[") != text.count("]"):
            return f"unclosed bracket in: {text}"
        if (match := _RESIDUE.search(text)) and case.pair.form != "instruction":
            return f"{match.group()!r} in: {text}"
    question = case.pair.question
    return f"cut short: {question}" if case.pair.form not in NOT_QUESTIONS and _UNFINISHED.search(question) else ""


def control_tokens(case: Case) -> str:
    """A control sequence of any known chat format, in question, answer or statement."""
    for text in (case.pair.question, case.pair.answer, case.pair.statement):
        if token := control_token(text):
            return f"{token!r} in: {text}"
    return ""


def not_a_question(case: Case) -> str:
    """No question mark at the end, and no question word or auxiliary within the first three words."""
    question = case.pair.question.rstrip(" \"'\u201d\u2019)")
    if case.pair.form in NOT_QUESTIONS or question.endswith("?"):
        return ""
    asked = without_lead(question)
    opening = [word.lower() for word in re.findall(r"[\w']+", asked)[:3]]
    asks = opening[:1] and (
        opening[0] in AUXILIARIES or WH_WORDS.union(["which", "if", "whether"]).intersection(opening)
    )
    # "Tell me who built the pump." ends as it may; "What he built was the pump." is a statement.
    told = question.endswith(".") and asked.startswith(question)
    return "" if asks and not told else f"opens with {' '.join(opening)!r}: {question}"


def question_length(case: Case) -> str:
    """Outside ``question_words``; a keyword form may be shorter."""
    return _length(case.pair.question, case.config.question_words, case.pair.form == "keyword")


def answer_length(case: Case) -> str:
    """Outside ``answer_words``."""
    return _length(case.pair.answer, case.config.answer_words, False)


def _length(text: str, bounds: tuple[int, int], may_be_short: bool) -> str:
    count = len(text.split())
    if count < bounds[0] and not may_be_short:
        return f"{count} words, fewer than {bounds[0]}: {text}"
    return f"{count} words, more than {bounds[1]}: {text}" if count > bounds[1] else ""


def wrong_language(case: Case) -> str:
    """Another script, or function words of another language, in question and answer together."""
    text = f"{case.pair.question} {case.pair.answer}"
    return foreign(text, case.config.foreign_letters, case.config.foreign_words)


def refers_to_the_passage(case: Case) -> str:
    """ "the passage", "according to the author", "mentioned": with the book closed there is none to look at."""
    match = _PASSAGE.search(without_lead(case.pair.question))
    return f"{match.group()!r} in: {case.pair.question}" if match and case.pair.form != "instruction" else ""


def unresolved_reference(case: Case) -> str:
    """A pronoun or demonstrative without an antecedent in the question."""
    if case.pair.form == "instruction":
        return ""
    word = unresolved(case.pair.question)
    return f"{word!r} in: {case.pair.question}" if word else ""


def answer_echoes_question(case: Case) -> str:
    """The answer is the question again, or opens with it."""
    question, answer = normalise(case.pair.question), normalise(case.pair.answer)
    if len(question.split()) < 3:
        return ""
    same = similarity(wording(case.pair.question), wording(case.pair.answer)) >= case.config.duplicate_similarity
    return f"answer: {case.pair.answer}" if same or answer.startswith(question) else ""


def trivial(case: Case) -> str:
    """An answer without a value: a bare pronoun, or words that all stand in the question already."""
    pair = case.pair
    if not case.answerable or pair.form in ANSWER_IN_QUESTION or normalise(pair.answer) in VERDICTS:
        return ""
    said = word_list(pair.answer)
    if set(said) <= TRIVIAL:
        return f"answer: {pair.answer}"
    offered = re.search(r"\bor\b|\beither\b", pair.question) is not None
    meant = content_words(pair.answer)
    asked = set(word_list(pair.question))
    return f"{pair.answer!r} stands in: {pair.question}" if meant and not offered and asked.issuperset(meant) else ""


def no_evidence(case: Case) -> str:
    """An answerable pair whose span is empty or outside its document, or whose source has no document."""
    pair = case.pair
    if not case.answerable:
        return ""
    if 0 <= pair.evidence_start < pair.evidence_end <= len(case.document) and case.evidence.strip():
        return ""
    return f"span {pair.evidence_start}:{pair.evidence_end} of {pair.source!r}, {len(case.document)} characters long"


def answer_not_in_evidence(case: Case) -> str:
    """Less than ``grounding`` of the answer's content words in the evidence, or a name or number that is not there.

    What only the self-contained statement says (a pronoun resolved) counts if the document says it too. This is the
    precision side of ROUGE-1 (Lin 2004) without stop words, strict on names and numbers.
    """
    pair = case.pair
    if not case.answerable or pair.form in NO_SPAN or normalise(pair.answer) in VERDICTS:
        return ""
    evidence = set(word_list(case.evidence))
    wanted = content_words(pair.answer) or word_list(pair.answer)
    resolved = set(word_list(pair.statement)) - evidence
    missing = [
        word for word in wanted if word not in evidence and not (word in resolved and _stands(word, case.document))
    ]
    strict = [word for word in missing if is_number(word) or word in names(f"x {pair.answer}")]
    if not strict and len(missing) <= (1 - case.config.grounding) * len(wanted) + 1e-9:
        return ""
    return f"looked for {' '.join(missing)!r} in: {case.evidence}"


def _stands(word: str, document: str) -> bool:
    return re.search(rf"\b{re.escape(word)}", document, re.IGNORECASE) is not None or is_number(word)
