"""Named recipes to one table: ``python -m bench.recipes --recipes quick greedy llama2 --seeds 17 18 --out FILE.md``.

Each recipe is a preset with a few settings changed; each is run on every demo corpus with every seed, in a folder of
its own under ``generated/recipes/``, and measured by that run's own probes. What is done already is not repeated, so
that a sweep that was stopped goes on. One run of the quick preset takes about ten minutes on 2 cores.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

CORPORA = ("heronsmere-works", "the-lantern-ferry")
RECIPES: dict[str, tuple[str, list[str]]] = {
    "quick": ("quick", []),
    "full": ("full", []),
    "greedy answers": ("quick", ["probing.recitals=0"]),
    "16 recitals": ("quick", ["probing.recitals=16"]),
    "no bare statements": ("quick", ["tuning.statements=0"]),
    "no words left out": ("quick", ["tuning.question_dropout=0"]),
    "short answers": ("quick", ["tuning.answer_style=short"]),
    "short, then the sentence": ("quick", ["tuning.answer_style=short-then-statement"]),
    "sentence, then short": ("quick", ["tuning.answer_style=statement-then-short"]),
    "8 forms a fact": ("quick", ["generation.forms_per_fact=8"]),
    "no refusals": ("quick", ["refusals.share=0"]),
    "a third refusals": ("quick", ["refusals.share=0.33"]),
    "no tags": ("quick", ["tuning.tag_share=0"]),
    "always tagged": ("quick", ["tuning.tag_share=1"]),
    "no replay": ("quick", ["tuning.replay_share=0"]),
    "more replay": ("quick", ["tuning.replay_share=0.2"]),
    "rank 8": ("quick", ["tuning.rank=8", "tuning.alpha=16"]),
    "rank 128": ("quick", ["tuning.rank=128", "tuning.alpha=256"]),
    "full tuning": ("quick", ["tuning.method=full", "tuning.learning_rate=1.5e-4", "tuning.batch_size=16"]),
    "[INST]": ("quick", ["tuning.template=llama2"]),
    "twice the learning rate": ("quick", ["tuning.learning_rate=1.2e-3"]),
    "batches of 32": ("quick", ["tuning.batch_size=32"]),
}
SHOWN = (
    "K0", "HPA", "FDA", "false_refusal", "refusal_U1", "refusal_U2", "refusal_U3", "refusal_T2", "refusal_T3", "AUROC",
    "general_kept", "perplexity_change",
)  # fmt: skip
Figures = dict[str, float]


def measure(recipe: str, corpus: str, seed: int) -> Figures:
    """Run one recipe, unless its folder is finished; return the tuned model's figures and the minutes it took."""
    preset, settings = RECIPES[recipe]
    run = Path("generated/recipes") / f"{recipe.replace(' ', '-')}-{corpus}-{seed}"
    if not (run / "manifest.json").is_file():
        command = [sys.executable, "-m", "flows.cli", "run", f"corpora/{corpus}", "--preset", preset, "--out", str(run)]
        for setting in [*settings, f"seed={seed}"]:
            command += ["--set", setting]
        started = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (run / "minutes.json").write_text(json.dumps((time.monotonic() - started) / 60))
    tuned = json.loads((run / "metrics.json").read_text())["tuned"]
    figures = {name: float(tuned[name]["value"]) for name in SHOWN if name in tuned}
    return figures | {"minutes": float(json.loads((run / "minutes.json").read_text()))}


def table(measured: dict[str, list[Figures]]) -> str:
    """Mean over corpora and seeds, a row a recipe."""
    names = [*SHOWN, "minutes"]
    lines = ["| recipe | runs | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for recipe, runs in measured.items():
        cells = [_cell(name, [run[name] for run in runs if name in run]) for name in names]
        lines.append(f"| {recipe} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(name: str, values: list[float]) -> str:
    if not values:
        return ""
    mean = statistics.fmean(values)
    return f"{mean:.2f}" if name == "AUROC" else f"{mean:.1f}" if name == "minutes" else f"{mean:.0%}"


def main() -> None:
    """Measure what is asked for and write the table after every run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA))
    parser.add_argument("--seeds", nargs="+", type=int, default=[17])
    parser.add_argument("--out", type=Path, default=Path("bench/results/recipes.md"))
    options = parser.parse_args()
    measured: dict[str, list[Figures]] = defaultdict(list)
    for recipe in options.recipes:
        for corpus in options.corpora:
            for seed in options.seeds:
                measured[recipe].append(measure(recipe, corpus, seed))
                options.out.parent.mkdir(parents=True, exist_ok=True)
                head = f"`python -m bench.recipes` on {' and '.join(options.corpora)}"
                where = f"seeds {options.seeds}; {os.cpu_count()} cores, {platform.processor() or platform.machine()}."
                options.out.write_text(f"# Recipes\n\n{head}, {where}\n\n{table(measured)}\n")
                print(table(measured), flush=True)


if __name__ == "__main__":
    main()
