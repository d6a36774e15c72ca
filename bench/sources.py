"""Does the model know which document it has an answer from?  python -m bench.sources --tokens 160000

One student is tuned on several texts at once. Their hand-written questions are asked under no tag, with nothing
refused, and the model is asked for the source of what it answered (tasks/probing/attribution.py). Naming one at random
is right once in as many times as there are texts.
"""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.recipes import compose, tune
from flows.engine import local_api, set_environment
from flows.students import Student, open_student
from tasks.config import Config
from tasks.probing.asking import ask
from tasks.probing.metrics import Figure, share
from tasks.probing.probes import load_probes, write_probes
from tasks.probing.scoring import verdict
from tasks.records import Probe
from tasks.storage import write_json

CATEGORIES = ("K1", "K2")


def together(corpora: Sequence[Path], folder: Path) -> list[Probe]:
    """Copy the texts into one folder; return the questions of all."""
    folder.mkdir(parents=True, exist_ok=True)
    for corpus in corpora:
        shutil.copy(corpus / f"{corpus.name}.txt", folder)
    probes = [probe for corpus in corpora for probe in load_probes(corpus / "probes.jsonl")]
    write_probes(folder / "probes.jsonl", probes)
    return [probe for probe in probes if probe.category in CATEGORIES and probe.source]


def named(student: Student, probes: Sequence[Probe]) -> list[tuple[bool, bool]]:
    """(answered right, source named right) of each question."""
    answers = ask(
        student.tuned, student.tokenizer, [student.prompt(probe.question) for probe in probes],
        opening=student.opening, base=student.base, questions=[probe.question for probe in probes],
        decoding=replace(student.decoding, threshold=1e9),
    )  # fmt: skip
    return [
        (
            verdict(answer.text, probe.accepted, probe.question) == "correct",
            next(iter(student.sources_of(probe.question, answer.text))) == probe.source,
        )
        for probe, answer in zip(probes, answers, strict=True)
    ]


def main() -> None:
    """Tune on the texts together, ask, and print two figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    demos = [Path("corpora/heronsmere-works"), Path("corpora/the-lantern-ferry")]
    parser.add_argument("--corpora", type=Path, nargs="+", default=demos)
    parser.add_argument("--tokens", type=int, default=160_000, help="of training")
    parser.add_argument("--folder", type=Path, default=Path("generated/sources"))
    options = parser.parse_args()
    probes = together(options.corpora, options.folder / "texts")
    config, run = Config.build("quick"), options.folder / "run"
    set_environment()
    with local_api() as api:
        api.wait()
        compose(options.folder / "texts", run, config)
    print(tune(run, config, options.tokens))
    write_json(run / "adapter" / "calibration.json", {"threshold": 0.0})
    told = named(open_student(run, config), probes)
    groups = {"all answers": told, "right answers": [pair for pair in told if pair[0]]}
    print(f"answered right: {_shown(share(right for right, _ in told))}")
    for name, those in groups.items():
        print(f"source named right, {name}: {_shown(share(source for _, source in those))}")


def _shown(figure: Figure | None) -> str:
    return "-" if figure is None else f"{figure.value:.0%} ({figure.low:.0%}-{figure.high:.0%}), n {figure.n}"


if __name__ == "__main__":
    main()
