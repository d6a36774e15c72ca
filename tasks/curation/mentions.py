"""A corpus to what it says around a name: the ground on which something is called unstated.

    "Corwin Asplehurst is the deputy. The deputy is 61. He keeps the keys."     fact: "Corwin Asplehurst is the deputy."
    around("Corwin Asplehurst")  ->  all three sentences: his own, the one under his other name, and the one with "He"

A name is looked for in the whole corpus, not in one window. What counts is every sentence that names it, by a part of
its name too, or something that a fact says it is, the sentence after that if it goes on with a pronoun, and every fact
that names it. Too much counts rather than too little: a question is only called unanswerable where none of this holds
the words.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from tasks.corpus.sentences import split_sentences

_WORD = re.compile(r"\w+")
_GOES_ON = re.compile(
    r"\W*(?:\w+\W+){0,2}?(?:he|she|it|they|his|her|hers|its|their|him|them|this|these|that|those|both|each)\b"
)
# "Corwin Asplehurst is the deputy.": behind the verb stands an article or a capital, so that "red" names nothing.
_SAME = re.compile(r"(.{3,60}?) (?:is|are|was|were) ((?:the|a|an|his|her|its|their) .{3,60}|[A-Z].{2,60})\.")


def key(text: str) -> tuple[str, ...]:
    """The words of a name in small letters, without the article before it: equal keys are the same name."""
    words = tuple(_WORD.findall(text.lower()))
    return words[1:] if words[:1] in (("the",), ("a",), ("an",)) else words


class Mentions:
    """Where a corpus names what.

    Args:
        texts: the documents' texts.
        statements: the facts of the corpus in their resolved wording.
    """

    def __init__(self, texts: Iterable[str], statements: Sequence[str]) -> None:
        texts = list(texts)
        self._small = {word for text in texts for word in _WORD.findall(text) if word.islower()}
        cut = [[text[start:end].lower() for start, end in split_sentences(text)] for text in texts]
        self._sentences = [sentence for sentences in cut for sentence in [*sentences, ""]]
        self._sentences += [statement.lower() for statement in statements]
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, sentence in enumerate(self._sentences):
            for word in set(_WORD.findall(sentence)):
                self._places[word].append(place)
        self._around: dict[tuple[str, ...], str] = {}
        self._aliases: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
        for statement in statements:
            if match := _SAME.fullmatch(statement):
                one, other = key(match.group(1)), key(match.group(2))
                self._aliases[one].add(other)
                self._aliases[other].add(one)

    def holds(self, text: str) -> bool:
        """Whether the corpus has these words in this order, whole, within a sentence."""
        return bool(self._naming(key(text)))

    def around(self, *names: str) -> str:
        """All that is said of something under any of its names, in small letters, a line a sentence."""
        if names not in self._around:
            keys = [key(name) for name in [*names, *(part for name in names for part in self._parts(name))]]
            known = {*keys, *(alias for one in keys for alias in self._aliases[one])}
            places = {place for one in known for place in self._naming(one)}
            following = {place + 1 for place in places if place + 1 < len(self._sentences)}
            places |= {place for place in following if _GOES_ON.match(self._sentences[place])}
            self._around[names] = "\n".join(self._sentences[place] for place in sorted(places))
        return self._around[names]

    def _parts(self, name: str) -> list[str]:
        """The words of a name that are nothing else: "Wenna" of "Wenna Tulk", no "Works" where somebody works."""
        words = [word for word in _WORD.findall(name) if word[:1].isupper()]
        return [word for word in words if word.lower() not in self._small] if len(words) > 1 else []

    def said_of(self, names: tuple[str, ...], words: Iterable[str]) -> bool:
        """Whether any of the words, or one that begins like it, is said of something."""
        said = self.around(*names)
        return any(re.search(rf"\b{re.escape(word)}", said) for word in words)

    def _naming(self, name: tuple[str, ...]) -> list[int]:
        """Sentences that hold the words of a name in a row."""
        if not name:
            return []
        rarest = min(name, key=lambda word: len(self._places.get(word, ())))
        row = re.compile(r"\b" + r"\W+".join(map(re.escape, name)) + r"\b")
        return [place for place in self._places.get(rarest, ()) if row.search(self._sentences[place])]
