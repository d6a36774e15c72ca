"""Sentences to dependency parses, mended where the parser is known to slip.

    "The grade 5 lamp is built to order."  ->  one Doc, in which "grade 5" belongs to "lamp"

The parser is spaCy's small English model (Honnibal & Montani; labels of CLEAR, Choi & Palmer 2012). A sentence goes to
it in parts, cut at semicolons and dashes.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Token
from spacy.util import compile_infix_regex

from tasks.embedded import parser_folder
from tasks.generation.lexicon import MAKING
from tasks.generation.phrases import described_by, is_role

MARKS = re.compile(r"[\r\n\t\f\v]|(?<!\w)[_*#=~]+(?=\w)|(?<=[\w.,;:!?])[_*#=~]+(?!\w)")
"""White space, and marks of emphasis about words (_so_, *so*, #so#): blanks to the parser, offsets as they are."""
BESIDE = {"above", "around", "before", "behind", "below", "beside", "over", "under"}
"""Prepositions whose object may be the subject again: "she has 14 hands under her"."""
PARSED_AT_ONCE = 64
"""Segments a batch of the parser."""
SPLIT = re.compile(r";\s+|\s+[\u2013\u2014]\s*|:\s+(?=[a-z])")


@cache
def load_parser() -> Language:
    """Load the pinned English parser from the user's cache (fetched once); hyphenated words stay whole."""
    if not Token.has_extension("gender"):
        Token.set_extension("gender", default="")
        Token.set_extension("made", default=False)
    parser = spacy.load(parser_folder())
    infixes = [rule for rule in parser.Defaults.infixes or [] if "\u2014|--|---" not in str(rule)]
    tokenizer: Any = parser.tokenizer
    tokenizer.infix_finditer = compile_infix_regex(infixes).finditer
    return parser


def segments(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a sentence at semicolons and dashes: the parser reads the parts better than the whole."""
    position = start
    for match in SPLIT.finditer(text, start, end):
        if match.start() - position > 12 and end - match.end() > 12:
            yield position, match.start()
            position = match.end()
    yield position, end


def parse_segments(
    text: str, spans: Sequence[tuple[int, int]], report: Callable[[float], None] | None = None
) -> list[tuple[Doc, int, tuple[int, int]]]:
    """Parse every segment of every sentence; return (parse, offset in the document, sentence span).

    ``report`` is called with the share that is parsed, as it grows.
    """
    flat = MARKS.sub(lambda mark: " " * len(mark.group()), text).replace("--", " \u2014")
    parts = [(_trimmed(flat, *piece), span) for span in spans for piece in segments(flat, *span)]
    docs = load_parser().pipe((flat[a:b] for (a, b), _ in parts), batch_size=PARSED_AT_ONCE)
    found = []
    for doc, (piece, span) in zip(docs, parts, strict=True):
        mend_numbered(doc)
        found.append((doc, piece[0], span))
        if report is not None and len(found) % PARSED_AT_ONCE == 0:
            report(len(found) / len(parts))
    return found


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the blanks at its beginning."""
    return end - len(text[start:end].lstrip()), end


def vote_on_names(docs: Sequence[Doc]) -> None:
    """Decide from the whole text whether a name is a woman, a man or a thing: by the pronouns that follow it.

    Invented names are unknown to any entity recogniser; "Tamsel ... her", seen more often than "his", is not.
    """
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    before: Token | None = None
    for doc in docs:
        named = [token for token in doc if token.pos_ == "PROPN" and token.text[:1].isupper()]
        names = [token for token in named if token.dep_ in ("nsubj", "nsubjpass", "appos") and not _of_a_thing(token)]
        for token in doc:
            if token.lower_ in ("who", "whom") and (noun := described_by(token)) is not None and noun.pos_ == "PROPN":
                votes[noun.text]["person"] += 1
            kind = _votes_for(token)
            near = [name for name in names if name.i < token.i]
            first = token.dep_ in ("nsubj", "nsubjpass") and token.head.dep_ == "ROOT" and not near
            name = near[-1] if near else before if first else None
            if kind and name is not None:
                for part in {name.text, *(left.text for left in name.lefts if left.pos_ == "PROPN")}:
                    votes[part][kind] += 1
        before = next((name for name in names if name.head.dep_ == "ROOT"), None)
    people = {name for name, tally in votes.items() if tally["person"]}
    made = {name.text for doc in docs for name in doc if _made(name) or _of_a_thing(name)} - people
    settled = {name: tally.most_common(1)[0][0] for name, tally in votes.items()}
    for doc in docs:
        for token in doc:
            if token.pos_ == "PROPN" and token.text in settled and token.ent_type_ != "DATE":
                token._.gender = settled[token.text]
            token._.made = token.pos_ == "PROPN" and token.text in made


def _of_a_thing(name: Token) -> bool:
    """Whether a name stands behind what it is the name of, and that is no person: "the barge Prudence"."""
    if name.i == 0 or name.pos_ != "PROPN":
        return False
    noun = name.nbor(-1)
    tied = name.head.i == noun.i or noun.head.i == name.i or (noun.head.i == name.head.i and noun.dep_ == name.dep_)
    return noun.tag_ == "NN" and tied and not is_role(noun.lemma_.lower())


def _votes_for(pronoun: Token) -> str:
    """What a subject or a possessive says of the name before it; an object is most often somebody else."""
    beside = pronoun.dep_ == "pobj" and pronoun.head.lower_ in BESIDE
    if pronoun.dep_ not in ("nsubj", "nsubjpass", "poss") and not beside:
        return ""
    kinds = {"she": "female", "her": "female", "he": "male", "his": "male", "it": "thing", "its": "thing"}
    return kinds.get(pronoun.lower_, "")


def _made(name: Token) -> bool:
    """Whether a name is of something made, whatever pronoun goes with it.

    "Old Margery was cast in 1896"; "Young Margery, which dates from 1896"; "Old Margery, built in 1873"
    """
    if name.pos_ != "PROPN":
        return False
    if any(child.dep_ == "acl" and child.tag_ == "VBN" and child.lemma_.lower() in MAKING for child in name.rights):
        return True
    told = [child for clause in name.rights if clause.dep_ == "relcl" for child in clause.children]
    if any(child.lower_ == "which" and child.dep_ in ("nsubj", "nsubjpass") for child in told):
        return True
    verb = name.head
    dated = verb.lemma_ == "date" and any(child.lower_ == "from" for child in verb.children)
    return (name.dep_ == "nsubj" and dated) or (name.dep_ == "nsubjpass" and verb.lemma_.lower() in MAKING)


def mend_numbered(doc: Doc) -> None:
    """Give "grade 5" to "lamp" in "the grade 5 lamp", which the parser reads as a grade beside a lamp."""
    for first, number, noun in zip(doc, doc[1:], doc[2:], strict=False):
        if (
            first.tag_ == "NN"
            and number.tag_ == "CD"
            and noun.tag_ in ("NN", "NNS")
            and noun.head.i == first.i
            and first.head.i != first.i
        ):
            noun.head, noun.dep_ = first.head, first.dep_
            for child in [*first.lefts, *first.rights]:
                if child.i not in (number.i, noun.i):
                    child.head = noun
            first.head, first.dep_ = noun, "compound"
            number.head, number.dep_ = first, "nummod"
