"""A synthetic run folder: a small invented text, its pairs, probes and figures, as a finished run would leave them.

build_run(tmp_path / "run")                          a sound run: a heading, four facts, a closing sentence
build_run(folder, text=HOSTILE, repeat=50)           the same over a text full of markup
build_run(folder, without=("results.jsonl",))        a run that stopped before probing
"""

import json
from collections.abc import Sequence
from pathlib import Path

from tasks.config import Config
from tasks.corpus.sentences import split_sentences
from tasks.records import Chunk, Document, Example, Fact, Pair, Probe, ProbeResult, Rejection, Tally, Verdict, derive_id
from tasks.reporting.funnel import save_funnel
from tasks.storage import write_json, write_records

TEXT = """THE HERON PUMP

The heron pump was built by Odo Marrick in 1829. It lifts brine from a depth of 214 feet. Its beam is of ash.

The pump is greased every ninth day. Nobody has counted its strokes."""

HOSTILE = """<script>alert("title")</script>

The <b>heron</b> &amp; pump was built by "Odo" O'Marrick </script><!-- in 1829. It says <!--[if IE]> & \U0001d11e today.

</style><img src=x onerror=alert(1)> &lt;i&gt; costs $5 and {{ 7 * 7 }} 'coins'. It cost more once -->. The end."""

FORMS = ("wh", "cloze", "yes-no", "reverse", "completion")
CATEGORIES = ("K1", "K1", "K2", "U1", "U2", "U3", "T2")


def build_run(
    run: Path, *, text: str = TEXT, forms: Sequence[str] = FORMS, repeat: int = 1, without: Sequence[str] = ()
) -> Path:
    """Write every file of a run; ``repeat`` multiplies the pairs, ``without`` names files to leave out."""
    run.mkdir(parents=True, exist_ok=True)
    document = Document.create("heron", text, title=text.splitlines()[0], sections=((0, "page <1>"),))
    facts = [Fact.create(document, start, end, text[start:end]) for start, end in split_sentences(text)[1:-1]]
    pairs = _pairs(facts, forms, repeat)
    lost = _pair(facts[-1], "wh", "lost")
    rejections = [Rejection("filter", reason, lost.id, text[:80]) for reason in ("ungrounded", "ungrounded", "echo")]
    write_records(run / "documents.jsonl", [document])
    write_records(run / "chunks.jsonl", [Chunk.create(document, 0, len(text))])
    write_records(run / "facts.jsonl", facts)
    write_records(run / "pairs.jsonl", pairs)
    write_records(run / "rejected.jsonl", rejections)
    write_records(run / "candidates.jsonl", [*(pair for pair in pairs if pair.kind == "answerable"), lost])
    write_records(run / "valid.jsonl", [])
    write_records(run / "train.jsonl", [_example(pair) for pair in pairs])
    _write_probes(run, facts)
    write_records(run / "training.jsonl", _training())
    write_json(
        run / "stages.json",
        [{"stage": "generate", "seconds": 212.4, "memory_mb": 1450.0}, {"stage": "<tune>", "seconds": 360}],
    )
    command = f"closedbook run corpora/{document.source} --preset quick --set tuning.epochs=5"
    setup = {
        "config": Config.build("quick", ["tuning.epochs=5"]).model_dump(mode="json"),
        "command": command,
        "versions": {"torch": "2.13.0"},
    }
    write_json(run / "config.json", setup)
    save_funnel(
        run, [Tally("filter", len(pairs) + 3, len(pairs), {"ungrounded": 2, "echo": 1})], {"sentences": len(facts)}
    )
    for name in without:
        (run / name).unlink()
    return run


def _pairs(facts: list[Fact], forms: Sequence[str], repeat: int) -> list[Pair]:
    pairs = []
    for turn in range(repeat):
        for number, fact in enumerate(facts[:-1]):
            for form in forms[: 2 + number]:
                pairs.append(_pair(fact, form, f"{turn}.{number}"))
            pairs.append(_refusal(fact, pairs[-1], f"{turn}.{number}"))
    return pairs


def _pair(fact: Fact, form: str, serial: str) -> Pair:
    words = fact.text.rstrip(".").split() or ["nothing"]
    question = f"What {form} is said {serial} of {words[len(words) > 1]}?"
    return Pair.create(
        chunk_id="c", fact_id=fact.id, source=fact.source, question=question,
        answer=" ".join(words[-2:]), evidence_start=fact.start, evidence_end=fact.end, form=form, kind="answerable",
    )  # fmt: skip


def _refusal(fact: Fact, twin: Pair, serial: str) -> Pair:
    return Pair.create(
        chunk_id="c", fact_id=fact.id, source=fact.source, question=f"What is said {serial} of the stork pump?",
        answer="The book does not say.", evidence_start=-1, evidence_end=-1, form="fictitious", kind="refusal",
        twin_of=twin.id,
    )  # fmt: skip


def _example(pair: Pair) -> Example:
    return Example(derive_id(pair.id), pair.id, "", pair.question, pair.answer, pair.source, "train")


def _write_probes(run: Path, facts: list[Fact]) -> None:
    probes, results = [], []
    for number in range(10 * len(CATEGORIES)):
        category = CATEGORIES[number % len(CATEGORIES)]
        accepted = (facts[0].text.split()[-1],) if category.startswith("K") else None
        probe = Probe(f"p{number:03}", category, f"Probe {number}: what of {facts[0].text[:30]}?", accepted, "heron")
        probes.append(probe)
        right: Verdict = "refused" if accepted is None else "correct"
        results.append(ProbeResult(probe.id, "base", f"It is said that {facts[-1].text}", "wrong", -1.5))
        results.append(ProbeResult(probe.id, "tuned", facts[0].text, "wrong" if number % 6 == 0 else right, 2.25))
    write_records(run / "probes.jsonl", probes)
    write_records(run / "results.jsonl", results)
    rate = {"value": 0.8, "n": 20, "low": 0.58, "high": 0.92}
    metrics = {
        "base": {"HPA": rate, "perplexity": {"value": 21.3, "n": 40}},
        "tuned": {"HPA": rate},
        "mcnemar": {"p": 1e-9, "n01": 58, "n10": 0},
    }
    (run / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")


def _training() -> list[dict[str, float]]:
    return [
        {"step": step, "loss": 3 / (1 + step / 20), "learning_rate": 1e-3 * (1 - step / 120), "grad_norm": 1.0,
         "tokens_per_second": 150 + step % 7, "memory_mb": 1400.0, "elapsed_s": 1.2 * step}
        for step in range(1, 121)
    ]  # fmt: skip
