"""A run to its dataset card: what the data is, where it comes from, what was lost on the way, and what it cannot do.

The card is Markdown under a YAML header that the hub and ``load_dataset`` read. Text of the corpus is quoted, never
interpreted: it stands in quotes or code blocks with their marks taken out.
"""

import html
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.records import Document, Pair
from tasks.storage import iter_dicts
from tasks.working_copies import here

# Spellings in a corpus's README -> the hub's names for licences.
LICENCES = {
    r"CC0": "cc0-1.0", r"CC[- ]BY[- ]SA[- ]4": "cc-by-sa-4.0", r"CC[- ]BY[- ]SA[- ]3": "cc-by-sa-3.0",
    r"CC[- ]BY[- ]4": "cc-by-4.0", r"Apache": "apache-2.0", r"\bMIT\b": "mit",
    r"not protected by copyright|public domain": "other",
}  # fmt: skip
LIMITS = """\
- The answers are what the text says, not what is true. Nothing was checked against the world.
- Questions made by rules can be stiff; questions made by a model were filtered for grounding, not proof-read.
- Refusals were checked against this corpus only: another text may hold what this one does not say.
- Near-duplicates are told by words. Two paraphrases without common words are both kept.
- English only. Sentences whose pronouns could not be resolved have fewer forms, or none.
- A model trained on it can still assert what the text does not say; see the run's report for how often."""


def dataset_card(run: Path, documents: Sequence[Document], pairs: Sequence[Pair], rows: Mapping[str, int]) -> str:
    """The card of a run's dataset.

    Args:
        run: the run's folder: ``config.json``, ``funnel.json``, ``audit.json`` and ``completions.jsonl`` are read where
            they are.
        documents: the corpus.
        pairs: all kept pairs.
        rows: how many rows each split has.
    """
    settings = _json(run / "config.json", {})
    notice = _corpus_notice(settings)
    parts = [
        _header(notice, rows),
        f"# {quoted(', '.join(document.title for document in documents) or run.name)}: closed-book questions",
        "Questions about the text below, each with its answer and the sentence it stands on, and questions that "
        "the text does not answer, with a refusal. Made by closedbook, to tune models that answer from memory.",
        _use(rows),
        _origin(documents, notice),
        _generator(run, settings, pairs),
        _contents(pairs),
        _funnel(_json(run / "funnel.json", [])),
        _checks(_json(run / "audit.json", [])),
        f"## Known limits\n\n{LIMITS}",
    ]
    return "\n\n".join(parts) + "\n"


def quoted(text: str) -> str:
    """Text of a corpus on one line of Markdown, without marks that Markdown or HTML would act on."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))


def _json(path: Path, missing: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else missing


def _corpus_notice(settings: Mapping[str, Any]) -> str:
    """The README that lies beside the corpus: its origin and licence in its owner's words; '' if there is none."""
    if not settings.get("corpus"):
        return ""
    corpus = here(Path(settings["corpus"]))
    readme = (corpus if corpus.is_dir() else corpus.parent) / "README.md"
    return readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""


def _header(notice: str, rows: Mapping[str, int]) -> str:
    licence = next((name for mark, name in LICENCES.items() if re.search(mark, notice, re.IGNORECASE)), "unknown")
    files = [f"  - split: {name}\n    path: data/{name}-*.parquet" for name in rows]
    lines = ["---", "language: en", f"license: {licence}", "task_categories:", "- question-answering", "tags:"]
    lines += ["- closed-book", "- synthetic", "- closedbook", "configs:", "- config_name: default", "  data_files:"]
    return "\n".join([*lines, *files, "---"])


def _use(rows: Mapping[str, int]) -> str:
    sizes = "\n".join(f"| {name} | {count:,} |" for name, count in rows.items())
    return f"""\
## Use

```python
from datasets import load_dataset, load_from_disk
data = load_dataset("path/of/this/folder")      # parquet
data = load_from_disk("path/of/this/folder")    # arrow, the same rows
```

| split | rows |
|---|---|
{sizes}

`prompt` and `completion` are rendered (`[INST]`, no `<s>`), and are what TRL's SFTTrainer reads; `question`, `answer`,
`system` and `tag` are the parts. `source`, `title`, `chunk_id`, `char_start`, `char_end` and `evidence` say where in
which text an answer stands (-1 and empty for refusals; an imported row has its file and row in `chunk_id`); `form`,
`kind`, `generator` and `twin_of` say how the row came to be. The validation split asks for taught facts in wordings
that training does not use."""


def _origin(documents: Sequence[Document], notice: str) -> str:
    rows = "\n".join(
        f"| {quoted(document.source)} | {quoted(document.title)} | {len(document.text):,} | `{document.id}` |"
        for document in documents
    )
    said = "\n".join(f"> {html.escape(line)}" for line in notice.splitlines()[:40])
    licence = f"The corpus comes with this notice:\n\n{said}" if said else (
        "The corpus came without a README that names its origin and licence. The rows quote it sentence by sentence: "
        "share them only where the text itself may be shared."
    )  # fmt: skip
    return f"## Origin and licence\n\n| tag | title | characters | id |\n|---|---|---|---|\n{rows}\n\n{licence}"


def _generator(run: Path, settings: Mapping[str, Any], pairs: Sequence[Pair]) -> str:
    asked = settings.get("config", {}).get("generation", {}).get("generator", "unknown")
    counts = Counter(pair.generator for pair in pairs)
    made = "\n".join(f"- `{quoted(name)}`: {count:,} pairs" for name, count in counts.most_common())
    prompts: Counter[tuple[str, str]] = Counter()
    if (run / "completions.jsonl").is_file():
        prompts.update((row["prompt_id"], row["model"]) for row in iter_dicts(run / "completions.jsonl"))
    used = "\n".join(
        f"- prompt hash `{prompt}`, model `{quoted(model)}`: {count:,} completions"
        for (prompt, model), count in sorted(prompts.items())
    )
    return f"## Generator\n\nConfigured: `{quoted(str(asked))}`.\n\n{made}\n{used or '- no completions by a model'}"


def _contents(pairs: Sequence[Pair]) -> str:
    counts = Counter((pair.kind, pair.form) for pair in pairs)
    rows = "\n".join(f"| {kind} | {quoted(form)} | {count:,} |" for (kind, form), count in sorted(counts.items()))
    return f"## Forms\n\n| kind | form | pairs |\n|---|---|---|\n{rows}"


def _funnel(stages: Sequence[Mapping[str, Any]]) -> str:
    if not stages:
        return "## Funnel\n\nThe run has no funnel.json."
    rows = []
    for stage in stages:
        lost = ", ".join(f"{count:,} {reason}" for reason, count in sorted(stage["rejected"].items()))
        told = lost or ", ".join(f"{count:,} {name}" for name, count in stage.get("counts", {}).items())
        rows.append(f"| {stage['stage']} | {stage['parsed']:,} | {stage['kept']:,} | {quoted(told)} |")
    return "## Funnel\n\n| stage | in | kept | rejected, by reason |\n|---|---|---|---|\n" + "\n".join(rows)


def _checks(checks: Sequence[Mapping[str, Any]]) -> str:
    if not checks:
        return "## Checks\n\nThe run was exported before its audit; `closedbook audit` makes it."
    rows = "\n".join(f"| {check['name']} | {quoted(check['looked_at'])} | {check['count']:,} |" for check in checks)
    return f"## Checks\n\n| check | looked at | problems |\n|---|---|---|\n{rows}"
