"""A text and pairs made from it, by any tool, to shares: grounded, self-contained, repeated, sentences covered.

    judge("The pump was built in 1873. It lifts brine.", [("When was the pump built?", "1873")])
    -> Verdict(pairs=1, grounded=1, self_contained=1, repeated=0, sound=1, sentences=2, covered=1)

Written for comparisons, and shares no code with what it judges: sentences, words and rules are its own. It reads words,
not meaning: a grounded pair is one that the text can support, not one that is proven right.

- grounded: at least 80% of the answer's content words, and all of its numbers, stand in one sentence of the text or in
  two neighbours, and so do a third of the question's. *Yes* stands for what was asked, of which 80% must be there; *no*
  for the same with something exchanged: at least half, and not all.
- self-contained: the question points at no passage, and at nothing that it does not name.
- repeated: an earlier pair has the same answer and a question that differs in fewer than one word in five.
- covered: a sentence of which a grounded pair was made (the answer, and most of its words, are there).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nltk.stem.porter import PorterStemmer
from rapidfuzz.distance import Levenshtein

ANSWERED, ASKED, EXCHANGED, SAME = 0.8, 1 / 3, 0.5, 0.8
FEWEST_WORDS, FEWEST_CONTENT = 5, 3
"""What a sentence must have to bear a fact."""

ABBREVIATION = re.compile(r"\b(?:dr|mr|mrs|ms|prof|st|figs?|no|vol|pp?|i\.e|e\.g|cf|viz|vs|ed)\.$", re.IGNORECASE)
SENTENCE_END = re.compile(
    r"[.!?][\"')\u201d\u2019\]_#*]*\s+(?=[\"'(\[\u201c\u2018_#*]*[A-Z0-9])|\n\s*\n|\.#?--(?=[A-Z])"
)
WORD = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+")
_STOP = """
a about above after again all also am an and any are as at be because been before being below between both but by can
could did do does doing done down during each either else every few for from further had has have having he her here
hers him his how i if in into is it its itself just may me might more most must my neither no nor not of off on once
only or other our out over own same shall she should so some such than that the their them then there these they this
those through to too under until up upon us very was we were what when where whether which while who whom whose why
will with within without would you your yes true false
"""
STOP = frozenset(_STOP.split())
PASSAGE = re.compile(
    r"\b(?:the|this|that|given|above|following|provided) (?:\w+ )?(?:passage|text|article|document|excerpt|paragraph|"
    r"section|chapter|page|author|writer|speaker|narrator|context|information|sentence|statement|material|figure|"
    r"table|story|book|manual)\b|\baccording to (?:the|this|him|her|them|it)\b|\b(?:mentioned|described|discussed|"
    r"stated|shown|listed) (?:above|below|here|in the)\b|\baforementioned\b|\b(?:above|below)-mentioned\b",
    re.IGNORECASE,
)
POINTER = re.compile(r"\b(?:he|she|it|they|him|her|his|hers|its|them|their|theirs)\b", re.IGNORECASE)
_FORMAL = "true|necessary|possible|important|advisable|safe|said|known|best|takes?|took|means?"
EXPLETIVE = re.compile(
    rf"\bit (?:{_FORMAL}|that|is)\b|\b(?:does|did|will|should|is|was) it (?:{_FORMAL})\b", re.IGNORECASE
)
"""*It* that stands for nothing: How long does it take …?"""
NAMED = re.compile(
    r"\b(?:the|a|an|each|every|any|some|of|no|\d+)\s+[a-z]+|(?<=\s)[A-Z][a-z]+"
    r"|\b(?!(?:does|was|has|his|its|this|whose)\b)[a-z]{2,}s\b"
)
"""What a pronoun after it may stand for."""
DEMONSTRATIVE = re.compile(
    r"\b(?:this|these|those|such)\s+(?!(?:as|who|that|which)\b)\w+"
    r"|\bthat (?:case|method|time|way|place|person|man|woman)\b|\b(?:this|these|those)\?|\bthe (?:former|latter|said)\b"
    r"|\bthe (?:two|three|four|five|six|seven) \w+s\b(?! (?:of|in|that|which|who|for|on|at|between)\b)",
    re.IGNORECASE,
)
INSTRUCTION = re.compile(r"^(?:complete the sentence|fill in the gap|true or false)\s*:\s*", re.IGNORECASE)
"""What precedes a sentence that is quoted in the question itself."""
_stem = PorterStemmer().stem


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts over the pairs of one tool; ``sound`` pairs are grounded, self-contained and not repeated."""

    pairs: int
    grounded: int
    self_contained: int
    repeated: int
    sound: int
    sentences: int
    covered: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one pair. ``sentences`` are the numbers of those it was made of."""

    grounded: bool
    self_contained: bool
    repeated: bool
    sentences: tuple[int, ...]


def judge(text: str, pairs: Sequence[tuple[str, str]]) -> Verdict:
    """Judge (question, answer) pairs against the text that they were made from."""
    sentences = list(split(text))
    bearing = {i for i, sentence in enumerate(sentences) if bears_fact(sentence)}
    findings = examine(sentences, pairs)
    covered = {number for finding in findings if finding.grounded for number in finding.sentences}
    return Verdict(
        pairs=len(pairs),
        grounded=sum(finding.grounded for finding in findings),
        self_contained=sum(finding.self_contained for finding in findings),
        repeated=sum(finding.repeated for finding in findings),
        sound=sum(finding.grounded and finding.self_contained and not finding.repeated for finding in findings),
        sentences=len(bearing),
        covered=len(bearing & covered),
    )


def split(text: str) -> Iterator[str]:
    """Cut a text into sentences, headings and paragraphs; white space folded.

    >>> list(split("Dr. Ames came at 4 p.m. in May. He left.\\n\\nPUMPS\\n\\nOne runs."))
    ['Dr. Ames came at 4 p.m. in May.', 'He left.', 'PUMPS', 'One runs.']
    """
    start = 0
    for end in SENTENCE_END.finditer(text):
        if text[end.start()] == "." and ABBREVIATION.search(text[start : end.start() + 1]):
            continue
        if sentence := " ".join(text[start : end.end()].split()):
            yield sentence
        start = end.end()
    if sentence := " ".join(text[start:].split()):
        yield sentence


def bears_fact(sentence: str) -> bool:
    """Whether a sentence says enough to be asked about.

    >>> [bears_fact(s) for s in ("The pump lifts brine from the well.", "CHAPTER IV", "It does so.")]
    [True, False, False]
    """
    words = WORD.findall(sentence)
    small = sum(word.islower() for word in words) >= len(words) / 2
    ended = sentence.rstrip("\"')]_*\u201d\u2019").endswith((".", "!", ";", ":"))
    return ended and small and len(words) >= FEWEST_WORDS and len(content(sentence)) >= FEWEST_CONTENT


def content(text: str) -> set[str]:
    """Stems of the words that carry meaning; numbers as they are, without their commas.

    >>> sorted(content("The pumps lifted 1,200 litres"))
    ['1200', 'lift', 'litr', 'pump']
    """
    words = (word.lower() for word in WORD.findall(text))
    return {word.replace(",", "") if word[0].isdigit() else _stem(word) for word in words if word not in STOP}


def examine(sentences: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[Finding]:
    """Judge pair by pair, in order."""
    held = [content(sentence) for sentence in sentences]
    where: dict[str, set[int]] = defaultdict(set)
    for i, stems in enumerate(held):
        for stem in stems:
            where[stem].add(i)
    earlier: dict[str, list[list[str]]] = defaultdict(list)
    findings = []
    for question, answer in pairs:
        wording, key = question.lower().split(), " ".join(WORD.findall(answer.lower()))
        repeated = any(Levenshtein.normalized_similarity(wording, other) > SAME for other in earlier[key])
        earlier[key].append(wording)
        grounded, numbers = _ground(question, answer, held, where)
        findings.append(Finding(grounded, self_contained(question), repeated, numbers))
    return findings


def _ground(
    question: str, answer: str, held: Sequence[set[str]], where: dict[str, set[int]]
) -> tuple[bool, tuple[int, ...]]:
    """Look for the sentence, or two neighbours, that support a pair best."""
    asked, wanted = content(question), content(answer)
    verdict = "" if wanted else next(iter(WORD.findall(answer.lower())), "")
    if not wanted and verdict not in ("yes", "no", "true", "false"):
        return False, ()
    near = {i for stem in wanted or asked for i in where.get(stem, ())}
    best: tuple[float, tuple[int, ...]] = (0.0, ())
    for i in sorted(near):
        for window in ((i,), (i, i + 1), (i - 1, i)):
            if window[0] >= 0 and window[-1] < len(held):
                stems = set().union(*(held[j] for j in window))
                if (score := _support(asked, wanted, verdict, stems)) > best[0]:
                    best = (score, tuple(j for j in window if _share((wanted or asked), held[j]) >= EXCHANGED))
    return bool(best[0]), best[1]


def _support(asked: set[str], wanted: set[str], verdict: str, stems: set[str]) -> float:
    """How well sentences support a pair; 0 if they do not."""
    near = _share(asked, stems)
    if not wanted:
        held = near >= ANSWERED if verdict in ("yes", "true") else EXCHANGED <= near < 1
        return near if held and asked else 0.0
    numbers = {stem for stem in wanted if stem[0].isdigit()}
    if _share(wanted, stems) < ANSWERED or numbers - stems or (asked and near < ASKED):
        return 0.0
    return _share(wanted, stems) + near


def _share(part: set[str], whole: set[str]) -> float:
    return len(part & whole) / len(part) if part else 0.0


def self_contained(question: str) -> bool:
    """Whether a question can be understood with no text at hand.

    >>> asked = "Who wrote the passage?", "When did he die?", "Is the pump oiled before it runs?"
    >>> [self_contained(question) for question in asked]
    [False, False, True]
    """
    question = INSTRUCTION.sub("", question)
    if PASSAGE.search(question) or DEMONSTRATIVE.search(question):
        return False
    pointers = [found for found in POINTER.finditer(question) if not _expletive(question, found.start())]
    return all(NAMED.search(question, 0, found.start()) for found in pointers)


def _expletive(question: str, at: int) -> bool:
    return any(found.start() <= at < found.end() for found in EXPLETIVE.finditer(question))
