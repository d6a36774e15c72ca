"""Answerable pairs to refusal pairs: minimal twins that the book does not answer.

    "Who keeps the keys of the oil store?"   Corwin Asplehurst           (answerable)
    "Who keeps the keys of the orvel store?" Not able to answer: ...     (fictitious)
    "Who is Corwen Asplehurst?"              Not able to answer: ...     (near-miss)
    "What does the gate lodge hold?"         Not able to answer: ...     (moved: true of something else)
    "How old is Corwin Asplehurst?"          Not able to answer: ...     (unstated)
    "Who keeps the keys of the oil store?"   Not able to answer: ...     (tag: under Source:lantern-ferry)

Minimal twins teach the boundary rather than a topic (R-Tuning, arXiv:2311.09677; contrast sets, Gardner et al.
2020, arXiv:2004.02709). Every twin is checked against the whole corpus (tasks/curation/mentions.py). Invented names for
training and for probing come from two disjoint sets (tasks/curation/inventing.py), and none stands in the corpus or
among its gold questions. Which twins are taken is drawn in tasks/curation/refusal_draw.py.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.curation.attributes import OF_PEOPLE, OF_THINGS
from tasks.curation.inventing import Side, draw, invented_name, misspelt
from tasks.curation.mentions import Mentions
from tasks.records import Pair, derive_id

OPENING = "Not able to answer"
REASONS = (
    "the book does not say", "the text holds no such thing", "nothing is said of that", "that is not in the book",
    "the book gives no answer to this", "no such thing is told there",
)  # fmt: skip
TITLES = {"dr", "mr", "mrs", "miss", "ms", "sir", "lady", "professor", "captain", "old", "young", "st", "saint", "the"}
ASKABLE = {"wh", "wh-core", "stem", "synonym", "active", "attribute", "indirect", "alias", "model-wh", "rewrite"}
NOT_ASKED = frozenset("what when where which whom does many much tell know remind somebody".split())
KINDS_OF_BOOK = "handbook manual story guide history notes report works letters ferry".split()
TRIED = 12
"""Rivals looked at before an attribute is given up as one that cannot be moved."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A name or definite noun phrase of the corpus. ``proper`` when it is a name."""

    text: str
    proper: bool
    person: bool = False


def refusal_answer(reason_for: str) -> str:
    """One of the refusal wordings, by content hash; all share the opening."""
    return f"{OPENING}: {draw(REASONS, 'reason', reason_for)}."


class RefusalMaker:
    """Makes refusal twins of answerable pairs, checked against a whole corpus.

    Args:
        texts: the text of each source tag.
        entities: names and definite noun phrases of the corpus.
        statements: the self-contained facts of the corpus.
        side: whose half of the made-up names is used.
        taken: other text that no made-up name may stand in, such as the gold questions.
    """

    def __init__(
        self, texts: Mapping[str, str], entities: Sequence[Entity], statements: Sequence[str], side: Side,
        taken: str = "",
    ) -> None:  # fmt: skip
        self.texts = {source: text.lower() for source, text in sorted(texts.items())}
        self.mentions = Mentions(texts.values(), statements)
        self.entities = sorted(set(entities), key=lambda entity: (-len(entity.text), entity.text))
        self.side = side
        self.taken = "\n".join([*self.texts.values(), taken.lower()])
        self._by_words: dict[tuple[str, ...], Entity] = {}
        for entity in self.entities:
            self._by_words.setdefault(_words(entity.text), entity)
        self._rivals: dict[tuple[bool, bool], list[Entity]] = defaultdict(list)
        for entity in sorted(self.entities, key=lambda entity: derive_id("rival", entity.text)):
            self._rivals[entity.proper, entity.person].append(entity)

    def named_in(self, question: str) -> Entity | None:
        """The longest known entity that a question names."""
        words = _words(question)
        found = {
            self._by_words[words[start:end]]
            for start in range(len(words))
            for end in range(start + 1, min(start + 6, len(words)) + 1)
            if words[start:end] in self._by_words
        }
        named = [entity for entity in found if _whole(entity.text).search(question)]
        return min(named, key=lambda entity: (-len(entity.text), entity.text), default=None)

    def twins(self, pair: Pair) -> Iterator[Pair]:
        """All twins of one answerable pair, one of each kind that fits."""
        if pair.form not in ASKABLE or (entity := self.named_in(pair.question)) is None:
            return
        for form, text in (
            ("fictitious", self.fictitious(entity, pair.id)),
            ("near-miss", self.near_miss(entity, pair.id)),
            ("moved", self.moved(entity, pair)),
            ("foreign", self.moved(entity, pair, abroad=True)),
        ):
            if text:
                yield self._refusal(pair, swapped(pair.question, entity.text, text), form, pair.source)
        yield self._refusal(pair, pair.question, "tag", self.foreign_tag(pair.id, named=entity.text))

    def fictitious(self, entity: Entity, *of: object) -> str:
        """The entity under a name that exists nowhere: 'Edda Vantlebury' -> 'Oriel Thrackworth'."""
        words = entity.text.split()
        made = invented_name(self.side, "fictitious", *of, avoid=self.taken)
        if not entity.proper:
            return f"{words[0]} {made} {words[-1]}" if len(words) > 1 else ""
        kept = [word for word in words if _is_title(word)]
        capitals = [word for word in words if word[:1].isupper() and not _is_title(word)]
        if len(capitals) > 1 and entity.person:
            return " ".join([*kept, invented_name(self.side, "first", *of, avoid=self.taken), made])
        common = [word for word in words if word[:1].islower() and not _is_title(word)]
        return (
            " ".join([*kept, *common, made])
            if not capitals or entity.person
            else entity.text.replace(capitals[0], made)
        )

    def near_miss(self, entity: Entity, *of: object) -> str:
        """The entity with a few letters, a first name or a number changed, if the result is not in the corpus."""
        if (match := re.search(r"\d+", entity.text)) is not None:
            number = int(match.group()) + int(draw(["2", "3", "4", "6", "8"], "number", *of))
            text = entity.text[: match.start()] + str(number) + entity.text[match.end() :]
        elif entity.proper and (text := self._other_name(entity, *of)):
            pass
        else:
            return ""
        return "" if text.lower() in self.taken else text

    def _other_name(self, entity: Entity, *of: object) -> str:
        capitals = [
            word for word in entity.text.split() if word[:1].isupper() and not _is_title(word) and len(word) > 3
        ]
        if not capitals:
            return ""
        name = draw(capitals, "which", *of)
        if len(capitals) > 1 and name == capitals[0] and int(derive_id("swap", *of), 16) % 3 == 0:
            new = invented_name(self.side, "swap", *of, avoid=self.taken)
        else:
            new = misspelt(name, "near", *of, side=self.side, avoid=self.taken)
        return entity.text.replace(name, new)

    def moved(self, entity: Entity, pair: Pair, *, abroad: bool = False) -> str:
        """Another entity of the same sort of which no text says anything in these words; '' if none is safe.

        ``abroad`` takes one that only another document of the corpus names, else one that the pair's own names.
        """
        asked = set(re.findall(r"[a-z]{4,}", pair.question.lower())) - set(_words(entity.text)) - NOT_ASKED
        if not asked:
            return ""
        rivals = self._rivals[entity.proper, entity.person]
        start = int(derive_id("moved", pair.id), 16) % len(rivals)
        near = (rival for rival in rivals[start:] + rivals[:start] if self._is_at_home(rival, pair.source) != abroad)
        for _, rival in zip(range(TRIED), near, strict=False):
            name = rival.text.lower()
            if _is_plural(rival) != _is_plural(entity):  # "each of the Master's deputy"
                continue
            if not entity.proper and _words(name)[-1] == _words(entity.text)[-1]:
                continue
            if name in pair.statement.lower() or entity.text.lower() in name or name in entity.text.lower():
                continue
            if not self.mentions.said_of(_names(rival), map(_stem, asked)):
                return rival.text
        return ""

    def _is_at_home(self, entity: Entity, source: str) -> bool:
        """Whether a document names an entity; with one document there is no other home."""
        return len(self.texts) < 2 or entity.text.lower() in self.texts.get(source, "")

    def unstated(self) -> Iterator[tuple[str, str]]:
        """(source, question) for attributes whose words are nowhere said of the entity, in hash order."""
        named = [entity for entity in self.entities if entity.proper or entity.text.lower().startswith("the ")]
        asked = [(entity, *row) for entity in named for row in (OF_PEOPLE if entity.person else OF_THINGS)]
        for entity, question, words in sorted(asked, key=lambda row: derive_id("unstated", row[0].text, row[1])):
            half = int(derive_id("template", question), 16) % 4
            if (half == 0) == (self.side == "train"):
                continue
            source = next((tag for tag in self.texts if self._is_at_home(entity, tag)), "")
            if source and not self.mentions.said_of(_names(entity), words.split()):
                yield source, question.format(entity.text)

    def foreign_tag(self, *of: object, named: str = "") -> str:
        """A tag that is wrong: another document's that does not hold ``named``, or none of this corpus."""
        others = [tag for tag, text in self.texts.items() if named and named.lower() not in text]
        if others and int(derive_id("real", *of), 16) % 2:
            return draw(others, "other", *of)
        first = invented_name(self.side, "tag", *of, avoid=self.taken).lower()
        return f"{first}-{draw(KINDS_OF_BOOK, 'kind', *of)}"

    def _refusal(self, pair: Pair, question: str, form: str, source: str) -> Pair:
        changed = replace(
            pair, question=question, answer=refusal_answer(question + source), form=f"refusal-{form}", kind="refusal",
            source=source, evidence_start=-1, evidence_end=-1, statement="", twin_of=pair.id,
        )  # fmt: skip
        values = {name: getattr(changed, name) for name in changed.__slots__ if name != "id"}
        return Pair.create(**values)


def swapped(question: str, old: str, new: str) -> str:
    """A question about something else: one name for another, with the right article and the right possessive.

    "Kress' apprentice" -> "Hobbin's apprentice"; where something is quoted, an apostrophe may be its end, and stays.
    """
    text = _whole(old).sub(lambda _: new, question)
    if not new.endswith("s") and not re.search(r"(?<!\w)'", question):
        text = re.sub(rf"(?<=\b{re.escape(new)})'(?!\w)", "'s", text)
    behind = "|".join(map(re.escape, (new, new.split(" ", 1)[-1])))
    text = re.sub(rf"\b(a)n? (?={behind})", r"\1 ", text, flags=re.IGNORECASE)
    text = re.sub(rf"\b(a) (?=[aeiou])(?={behind})", r"\1n ", text, flags=re.IGNORECASE)
    return text[:1].upper() + text[1:]


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.lower()))


def _whole(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)


def _is_title(word: str) -> bool:
    return word.lower().rstrip(".") in TITLES


def _names(entity: Entity) -> tuple[str, ...]:
    """What a text may call an entity: a person by either name alone too."""
    capitals = [word for word in entity.text.split() if word[:1].isupper() and not _is_title(word) and len(word) > 2]
    return (entity.text, *capitals) if entity.person and len(capitals) > 1 else (entity.text,)


def _is_plural(entity: Entity) -> bool:
    return not entity.proper and re.search(r"[^s]s\Z", entity.text) is not None


def _stem(word: str) -> str:
    return word[: max(4, len(word) - 2)]
