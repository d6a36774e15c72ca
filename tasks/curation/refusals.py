"""Answerable pairs to refusal pairs: minimal twins that the book does not answer.

    "Who keeps the keys of the oil store?"   Corwin Asplehurst           (answerable)
    "Who keeps the keys of the orvel store?" Not able to answer. ...     (fictitious)
    "Who is Corwen Asplehurst?"              Not able to answer. ...     (near-miss)
    "What does the gate lodge hold?"         Not able to answer. ...     (moved: true of something else)
    "How old is Corwin Asplehurst?"          Not able to answer. ...     (unstated)

Minimal twins teach the boundary rather than a topic (R-Tuning, arXiv:2311.09677; contrast sets, Gardner et al.
2020). Every twin is checked against the whole corpus. Invented names for training and for probing come from two
disjoint sets, told apart by the parity of a hash, so they cannot meet.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tasks.config import RefusalConfig
from tasks.records import Pair, derive_id
from tasks.storage import iter_dicts

OUTSIDE = Path(__file__).with_name("outside.jsonl")
"""General-knowledge questions, which a closed book does not answer; none stands among the probes."""
OPENING = "Not able to answer"
REASONS = (
    "the book does not say", "the text holds no such thing", "nothing is said of that", "that is not in the book",
    "the book gives no answer to this", "no such thing is told there",
)  # fmt: skip
ONSETS = """
    b br c cl cr d dr f fl g gl gr h j k l m n p pl pr qu r s sk sl st t th tr v w wh z
""".split()
VOWELS = ["a", "e", "i", "o", "u", "ae", "ea", "ei", "ie", "oa", "ou", "y"]
CODAS = """
    b ck d dd g ll lm ln m n nd ng nk p r rd rk rm rn rt s ss st th v x z
""".split()
TAILS = """
    ack abel an ard ath ell en er ert ick il in ing ius ock on or oss ot ow um us wick worth by dale
""".split()
TITLES = {"dr", "mr", "mrs", "miss", "ms", "sir", "lady", "professor", "captain", "old", "young", "st", "saint", "the"}
# (question about a name, words that would answer it if the text held them)
UNSTATED = (
    ("How old is {}?", "old aged age years born"), ("When was {} born?", "born birth"),
    ("Who is the mother of {}?", "mother"), ("What is the favourite food of {}?", "favourite food eats"),
    ("How tall is {}?", "tall height high"), ("What is the surname of {}'s best friend?", "friend"),
    ("Which language does {} speak at home?", "language speaks"), ("What was the name of {}'s first school?", "school"),
    ("What colour is the hair of {}?", "hair haired"),
    ("How many children does {} have?", "children child son daughter"),
)  # fmt: skip
UNSTATED_THINGS = (
    ("Who invented {}?", "invented inventor"), ("How much did {} cost to make?", "cost costs price paid"),
    ("Which firm supplied {}?", "supplied firm supplier"), ("What is the serial number of {}?", "serial"),
    ("When was {} last painted?", "painted paint"), ("Who insured {}, and for what sum?", "insured insurance"),
    ("What is the nickname of {}?", "nickname called known"), ("How heavy is {}?", "heavy weigh weighs weight"),
    ("How old is {}?", "old age built dates"), ("What smell does {} have?", "smell odour scent"),
    ("Who was the previous owner of {}?", "owner owned belonged"), ("How many visitors come to see {}?", "visitors"),
    ("What does {} look like from above?", "above look"), ("Which law regulates {}?", "law regulated"),
)  # fmt: skip
ASKABLE = {"wh", "wh-core", "stem", "synonym", "active", "attribute", "indirect", "alias", "model-wh", "rewrite"}
Side = Literal["train", "probe"]


@dataclass(frozen=True, slots=True)
class Entity:
    """A name or definite noun phrase of the corpus. ``proper`` when it is a name."""

    text: str
    proper: bool
    person: bool = False


def outside_questions(corpus: str) -> list[str]:
    """General questions of which the corpus does not even hold the content words."""
    held = corpus.lower()
    asked = [str(row["question"]) for row in iter_dicts(OUTSIDE)]
    words = {text: re.findall(r"[a-z]{5,}", text.lower()) for text in asked}
    return [text for text in asked if not words[text] or not all(word in held for word in words[text])]


def refusal_answer(key: str) -> str:
    """One of the refusal wordings, by content hash; all share the opening."""
    return f"{OPENING}: {REASONS[int(derive_id('reason', key), 16) % len(REASONS)]}."


def _draw(options: Sequence[str], *key: object) -> str:
    return options[int(derive_id(*key), 16) % len(options)]


def invented_name(side: Side, *key: object, avoid: str = "") -> str:
    """A made-up word from the training or the probing half of all made-up words, absent from ``avoid``."""
    for attempt in range(1000):
        parts = [_draw(ONSETS, *key, attempt, 1), _draw(VOWELS, *key, attempt, 2), _draw(CODAS, *key, attempt, 3)]
        name = ("".join(parts) + _draw(TAILS, *key, attempt, 4)).capitalize()
        if side_of(name) == side and name.lower() not in avoid and len(name) <= 11:
            return name
    raise AssertionError("a thousand draws always hold a free name")


def side_of(name: str) -> Side:
    """Which half an invented word belongs to."""
    return "train" if int(derive_id("side", name.lower()), 16) % 2 == 0 else "probe"


def misspelt(word: str, *key: object, side: Side) -> str:
    """A name one to three letters away: two letters changed in place, capital kept."""
    letters = "abcdefghiklmnoprstuvwy"
    for attempt in range(1000):
        spots = [int(derive_id(*key, attempt, turn), 16) % len(word) for turn in range(1 + attempt % 2)]
        changed = list(word)
        for turn, spot in enumerate(spots):
            same_class = (
                "aeiou" if changed[spot].lower() in "aeiou" else letters.translate({ord(v): None for v in "aeiou"})
            )
            drawn = _draw(list(same_class), *key, attempt, turn, "letter")
            changed[spot] = drawn.upper() if changed[spot].isupper() else drawn
        name = "".join(changed)
        if name != word and side_of(name) == side:
            return name
    return invented_name(side, *key)


class RefusalMaker:
    """Makes refusal twins of answerable pairs, checked against a whole corpus.

    Args:
        corpus: all texts joined, for the checks that a name or attribute does not occur.
        entities: names and definite noun phrases of the corpus.
        statements: the self-contained facts of the corpus.
        tags: the Source tags of this corpus; refusals for wrong tags use other ones.
    """

    def __init__(
        self, corpus: str, entities: Sequence[Entity], statements: Iterable[str], tags: Iterable[str], side: Side
    ) -> None:
        self.corpus = corpus.lower()
        self.entities = sorted(set(entities), key=lambda entity: (-len(entity.text), entity.text))
        self.statements = [statement.lower() for statement in statements]
        self.tags = sorted(set(tags))
        self.side = side

    def named_in(self, question: str) -> Entity | None:
        """The longest known entity that a question names."""
        lowered = f" {question.lower()} "
        for entity in self.entities:
            if re.search(rf"(?<!\w){re.escape(entity.text.lower())}(?!\w)", lowered):
                return entity
        return None

    def twins(self, pair: Pair) -> Iterator[Pair]:
        """All twins of one answerable pair, one of each kind that fits."""
        if pair.form not in ASKABLE or (entity := self.named_in(pair.question)) is None:
            return
        for form, text in (
            ("fictitious", self.fictitious(entity, pair.id)),
            ("near-miss", self.near_miss(entity, pair.id)),
            ("moved", self.moved(entity, pair)),
        ):
            if text:
                question = re.sub(re.escape(entity.text), lambda _, new=text: new, pair.question, flags=re.I)  # type: ignore[misc]
                yield self._refusal(pair, question[:1].upper() + question[1:], form, pair.source)
        yield self._refusal(pair, pair.question, "tag", self.foreign_tag(pair.id))

    def fictitious(self, entity: Entity, *key: object) -> str:
        """The entity under a name that exists nowhere: 'Edda Vantlebury' -> 'Oriel Thrackworth'."""
        words = entity.text.split()
        made = invented_name(self.side, "fictitious", *key, avoid=self.corpus)
        if entity.proper:
            kept = [word for word in words if word.lower().rstrip(".") in TITLES]
            names = [word for word in words if word[:1].isupper() and word.lower().rstrip(".") not in TITLES]
            if len(names) > 1 and entity.person:
                return " ".join([*kept, invented_name(self.side, "first", *key, avoid=self.corpus), made])
            common = [word for word in words if word[:1].islower() and word not in TITLES]
            return (
                " ".join([*kept, *common, made]) if not names or entity.person else entity.text.replace(names[0], made)
            )
        head = words[-1]
        return f"{words[0]} {made} {head}" if len(words) > 1 else ""

    def near_miss(self, entity: Entity, *key: object) -> str:
        """The entity with a few letters, a first name or a number changed, if the result is not in the corpus."""
        if (match := re.search(r"\d+", entity.text)) is not None:
            number = int(match.group()) + int(_draw(["2", "3", "4", "6", "8"], "number", *key))
            text = entity.text[: match.start()] + str(number) + entity.text[match.end() :]
        elif entity.proper:
            names = [
                w for w in entity.text.split() if w[:1].isupper() and w.lower().rstrip(".") not in TITLES and len(w) > 3
            ]
            if not names:
                return ""
            name = _draw(names, "which", *key)
            if len(names) > 1 and name == names[0] and int(derive_id("swap", *key), 16) % 3 == 0:
                new = invented_name(self.side, "swap", *key, avoid=self.corpus)
            else:
                new = misspelt(name, "near", *key, side=self.side)
            text = entity.text.replace(name, new)
        else:
            return ""
        return "" if text.lower() in self.corpus else text

    def moved(self, entity: Entity, pair: Pair) -> str:
        """Another entity of the same sort of which the text states nothing in these words; '' if none is safe."""
        rivals = [other for other in self.entities if other.proper == entity.proper and other.person == entity.person]
        rivals = [
            other for other in rivals if (other.text != entity.text and _head(other) != _head(entity)) or entity.proper
        ]
        content = {word for word in re.findall(r"[a-z]{4,}", pair.question.lower())} - set(entity.text.lower().split())
        content -= {"what", "when", "where", "which", "whom", "does", "many", "tell", "know", "remind", "somebody"}
        order = sorted(rivals, key=lambda other: derive_id("moved", pair.id, other.text))
        for rival in order[:6]:
            name = rival.text.lower()
            if name in pair.statement.lower() or entity.text.lower() in name or name in entity.text.lower():
                continue
            said = [statement for statement in self.statements if name in statement]
            if content and not any(_stem(word) in statement for statement in said for word in content):
                return rival.text
        return ""

    def unstated(self) -> Iterator[tuple[str, str]]:
        """(entity text, question) for attributes whose words never stand near the entity in the corpus."""
        for entity in self.entities:
            if not (entity.proper or entity.text.lower().startswith("the ")):
                continue
            said = " ".join(statement for statement in self.statements if entity.text.lower() in statement)
            for question, words in UNSTATED if entity.person else UNSTATED_THINGS:
                half = int(derive_id("template", question), 16) % 4
                if (half == 0) == (self.side == "train"):
                    continue
                if not any(re.search(rf"\b{word}", said) for word in words.split()):
                    yield entity.text, question.format(entity.text)

    def foreign_tag(self, *key: object) -> str:
        """A tag that is not of this corpus."""
        first = invented_name(self.side, "tag", *key, avoid=self.corpus).lower()
        second = _draw(
            """
            handbook manual story guide history notes report works letters ferry
        """.split(),
            "kind",
            *key,
        )
        return f"{first}-{second}"

    def _refusal(self, pair: Pair, question: str, form: str, source: str) -> Pair:
        changed = replace(
            pair, question=question, answer=refusal_answer(question + source), form=f"refusal-{form}", kind="refusal",
            source=source, evidence_start=-1, evidence_end=-1, statement="", twin_of=pair.id,
        )  # fmt: skip
        values = {name: getattr(changed, name) for name in changed.__slots__ if name != "id"}
        return Pair.create(**values)


def _head(entity: Entity) -> str:
    return entity.text.split()[-1].lower()


def _stem(word: str) -> str:
    return word[: max(4, len(word) - 2)]


def make_refusals(
    pairs: Sequence[Pair], maker: RefusalMaker, outside: Sequence[str], config: RefusalConfig, *, seed: int
) -> list[Pair]:
    """Refusal pairs up to the configured share of all pairs, the kinds in equal parts, spread over the facts.

    Args:
        pairs: the kept answerable pairs.
        maker: knows the corpus.
        outside: general questions that the book does not answer.
    """
    answerable = [pair for pair in pairs if pair.kind == "answerable"]
    wanted = round(len(answerable) * config.share / (1 - config.share))
    asked = {(pair.source, pair.question.lower()) for pair in pairs}
    found: dict[str, list[Pair]] = {kind: [] for kind in config.kinds}
    for pair in answerable:
        for twin in maker.twins(pair):
            kind = twin.form.removeprefix("refusal-")
            if kind in found and (twin.source, twin.question.lower()) not in asked:
                found[kind].append(twin)
    template = answerable[0] if answerable else None
    if template is not None:
        loose = {"unstated": [question for _, question in maker.unstated()], "outside": list(outside)}
        for kind, questions in loose.items():
            if kind in found:
                found[kind] = [_loose(template, question, kind) for question in questions]
    return _even(found, wanted, seed)


def _loose(template: Pair, question: str, kind: str) -> Pair:
    """A refusal that is nobody's twin; it belongs to the text as a whole."""
    return Pair.create(
        chunk_id="", fact_id="", source=template.source, question=question, answer=refusal_answer(question),
        evidence_start=-1, evidence_end=-1, form=f"refusal-{kind}", kind="refusal",
    )  # fmt: skip


def _even(found: Mapping[str, list[Pair]], wanted: int, seed: int) -> list[Pair]:
    queues = {}
    for kind, pairs in found.items():
        distinct = {pair.question.lower() + pair.source: pair for pair in pairs}
        queues[kind] = sorted(distinct.values(), key=lambda pair: derive_id(seed, pair.id))
    taken: list[Pair] = []
    while len(taken) < wanted and any(queues.values()):
        for queue in queues.values():
            if queue and len(taken) < wanted:
                taken.append(queue.pop(0))
    return taken
