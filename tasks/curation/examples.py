"""Kept pairs to training examples: the tag shown or left out, the system prompt, the answer in its style.

Pair(question="Who keeps the keys?", answer="Corwin Asplehurst", statement="Corwin Asplehurst keeps the keys.")
-> Example(prompt="Who keeps the keys?", source="heron" or "", system="Answer from the book only.",
           answer="Corwin Asplehurst keeps the keys. Corwin Asplehurst.")     style statement-then-short
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from tasks.config import TuningConfig
from tasks.curation.wording import normalise
from tasks.records import Example, Pair, Split, derive_id

# Seven items in eight show the configured prompt alone; the others, which go on, keep the student from hanging on it.
VERDICTS = ("Yes", "No", "True", "False")
OTHER_SYSTEMS = ("Use only what the book says.", "You know one book. Answer from it or decline.")


def compose_answer(pair: Pair, style: str) -> str:
    """The target text of a pair in one of the answer styles of ``TuningConfig.answer_style``.

    ``statement`` recites what the text says and adds the short answer only where it is a verdict. Reciting the
    text's own sentence before answering is what a small model learns from best (RECITE, arXiv:2210.01296, and
    bench/results/recipes.md); a sentence that merely mirrors the question teaches copying.
    """
    short = pair.answer[:1].upper() + pair.answer[1:]
    if pair.kind == "refusal" or not pair.statement or style == "short":
        return short
    closed = short if short.endswith((".", "!", "?")) else f"{short}."
    if pair.statement.rstrip(".") == short.rstrip(".") or (style == "statement" and pair.answer not in VERDICTS):
        return pair.statement
    return f"{closed} {pair.statement}" if style == "short-then-statement" else f"{pair.statement} {closed}"


def shows_tag(pair: Pair, share: float, seed: int) -> bool:
    """Whether this pair's example names its source; wrong-tag refusals always do."""
    return pair.form == "refusal-tag" or _fraction("tag", seed, pair.id) < share


def ambiguous(pairs: Iterable[Pair]) -> set[str]:
    """Ids of pairs whose question is asked of several sources: only the tag says which of the answers is meant."""
    asked: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.form != "refusal-tag":
            asked[normalise(pair.question)].append(pair)
    return {pair.id for same in asked.values() if len({one.source for one in same}) > 1 for pair in same}


def _fraction(*key: object) -> float:
    return int(derive_id(*key), 16) / 16**16


def to_examples(
    pairs: Iterable[Pair], splits: Mapping[str, Split], config: TuningConfig, *, seed: int
) -> list[Example]:
    """Turn kept pairs into examples, in the order given.

    Args:
        splits: side of each pair by its id; ``withheld`` pairs become no example.
    """
    pairs, examples = list(pairs), []
    tagged = ambiguous(pairs)
    for pair in pairs:
        split = splits[pair.id]
        if split == "withheld":
            continue
        source = pair.source if pair.id in tagged or shows_tag(pair, config.tag_share, seed) else ""
        draw = _fraction("system", seed, pair.id)
        more = "" if draw < 0.875 else OTHER_SYSTEMS[int(draw * 16) % len(OTHER_SYSTEMS)]
        system = f"{config.system} {more}".strip()
        answer = compose_answer(pair, config.answer_style)
        identity = derive_id("example", pair.id, system, source, answer)
        examples.append(Example(identity, pair.id, system, pair.question, answer, source, split))
    return examples


def statements_of(pairs: Iterable[Pair], taught: Collection[str]) -> list[str]:
    """The distinct sentences that the answers of the pairs in ``taught`` (ids) recite, in order."""
    told = (pair.statement for pair in pairs if pair.kind == "answerable" and pair.id in taught)
    return list(dict.fromkeys(statement for statement in told if statement))
