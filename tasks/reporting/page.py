"""A run's files turn into ``report.html``: one file, no network, that a reader can judge the run from.

    render_report(Path("generated/heron"))  ->  generated/heron/report.html

Sections of files that are not there yet say so. What came from a corpus or a model reaches the page in two ways only:
through the template, which escapes it, and as JSON, which the page's script puts in as text, never as HTML. A strict
content security policy (no network, no script but ours by its hash, no HTML from strings) stands behind both.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.config import PRESETS, Config
from tasks.records import Document, Fact, Pair
from tasks.reporting import plots, samples
from tasks.reporting.audit import read_audit
from tasks.reporting.coverage import STEPS, Painted, bare_facts, histogram, paint, utf16
from tasks.reporting.loading import RunFiles, load_run
from tasks.reporting.metric_rows import metric_rows
from tasks.reporting.outcomes import Outcome, by_category, headline, join, models_of
from tasks.reporting.payload import payload, script_json
from tasks.reporting.verdicts import faults, groups
from tasks.storage import write_text

REPORT = "report.html"
TEMPLATES = Path(__file__).parent / "templates"
# The checks of the audit that the top of the page states; the others stand there when they fail.
LAWS = ("counts add up", "every example leads to its sentence", "no leak between the splits")
NAMED = 300  # facts without a question that the page names


def render_report(run: Path) -> Path:
    """Write ``report.html`` into a run's folder, from whatever the run has written so far; return its path.

    Raises:
        StorageError: when there is no such folder, a file in it is damaged, or the page cannot be written.
    """
    write_text(run / REPORT, render(load_run(run)))
    return run / REPORT


def render(files: RunFiles) -> str:
    """Return the page as text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["duration"] = plots.duration
    return environment.get_template("report.html.j2").render(context(files))


def context(files: RunFiles) -> dict[str, Any]:
    """Gather what the template shows."""
    outcomes = join(files.probes or [], files.results or [])
    painted = _painted(files)
    data = payload(files, painted, outcomes)
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return {
        "files": files,
        "audit": read_audit(files.path),
        "laws": LAWS,
        "style": Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "data": Markup(script_json(data)),
        "shown_documents": len(data["documents"]),
        "shown_pairs": len(data["pairs"]["id"]),
        "facts": _facts(files, outcomes),
        **_results(files, outcomes),
        **_texts(files, painted),
        **_training(files),
        **_setup(files),
    }


def _facts(files: RunFiles, outcomes: list[Outcome]) -> list[str]:
    """What was run, in a line: student, generator, sizes, time."""
    config = (files.setup or {}).get("config", {})
    facts = [f"{config.get('preset')} preset"] if config else []
    facts += [f"student {config['tuning']['student']}, {config['tuning']['method']}"] if "tuning" in config else []
    facts += [f"generator {config['generation']['generator']}"] if "generation" in config else []
    facts += [f"{len([*files.train, *(files.valid or [])]):,} examples"] if files.train else []
    facts += [f"{len(outcomes):,} probes"] if outcomes else []
    return facts + ([plots.duration(sum(stage["seconds"] for stage in files.stages))] if files.stages else [])


def _results(files: RunFiles, outcomes: list[Outcome]) -> dict[str, Any]:
    categories = by_category(outcomes)
    return {
        "models": models_of(outcomes),
        "headline": headline(outcomes),
        "categories": categories,
        "intervals": Markup(plots.intervals(categories)) if categories else "",
        "metrics": metric_rows(files.metrics or {}),
        "mcnemar": (files.metrics or {}).get("mcnemar"),
        "ends": Markup(plots.ends(kinds)) if (kinds := groups(outcomes)) else "",
        "faults": faults(outcomes) if "tuned" in models_of(outcomes) else [],
    }


def _texts(files: RunFiles, painted: dict[str, list[Painted]]) -> dict[str, Any]:
    sentences = [sentence for document in painted.values() for sentence in document]
    return {
        "sentences": len(sentences),
        "askable": sum(sentence.askable for sentence in sentences),
        "covered": sum(sentence.askable and sentence.questions > 0 for sentence in sentences),
        "histogram": histogram(sentences),
        "steps": [name for _, name in STEPS],
        "bare": _bare(files),
        "named": NAMED,
        "refusals": sum(pair.kind == "refusal" for pair in files.pairs or []),
        "pairs": samples.sample_pairs(files.pairs or [], files.documents or []),
        "rejects": samples.sample_rejects(files.rejections or []),
    }


def _bare(files: RunFiles) -> list[dict[str, Any]]:
    """Facts without a question, each with where the page's reader finds it."""
    numbers = {document.id: number for number, document in enumerate(files.documents or [])}
    found: list[dict[str, Any]] = []
    for bare in bare_facts(files.facts or [], files.pairs or [], files.rejections or [], files.about):
        number = numbers.get(bare.fact.document_id, -1) if len(found) < NAMED else -1
        start = utf16((files.documents or [])[number].text, [bare.fact.start])[0] if number >= 0 else -1
        found.append({"fact": bare.fact, "reason": bare.reason, "document": number, "start": start})
    return found


def _training(files: RunFiles) -> dict[str, Any]:
    stages = files.stages or []
    times = [(stage["stage"], stage["seconds"]) for stage in stages]
    return {
        "curves": {title: Markup(svg) for title, svg in plots.curves(files.training or []).items()},
        "stage_plot": Markup(plots.bars(times, name="stages", label="Seconds a stage took")) if times else "",
        "total_seconds": sum(seconds for _, seconds in times),
    }


def _setup(files: RunFiles) -> dict[str, Any]:
    setup = files.setup or {}
    config: dict[str, Any] = setup.get("config", {})
    preset = config.get("preset", "quick")
    defaults = Config.build(preset if preset in PRESETS else "quick").model_dump(mode="json")
    whole = {name: value for name, value in config.items() if not isinstance(value, dict)}
    parts = {name: value for name, value in config.items() if isinstance(value, dict)}
    tables = {"run": whole, **parts} if whole else parts
    return {
        "command": setup.get("command", ""),
        "versions": setup.get("versions", {}),
        "config": {
            section: [
                (name, _shown(value), _default(defaults, section, name) == value) for name, value in values.items()
            ]
            for section, values in tables.items()
        },
    }


def _default(defaults: dict[str, Any], section: str, name: str) -> Any:
    return defaults.get(name) if section == "run" else defaults.get(section, {}).get(name)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _painted(files: RunFiles) -> dict[str, list[Painted]]:
    """Paint every document: its id to its sentences."""
    pairs: dict[str, list[Pair]] = {}
    for pair in files.pairs or []:
        pairs.setdefault(pair.source, []).append(pair)
    facts: dict[str, list[Fact]] = {}
    for fact in files.facts or []:
        facts.setdefault(fact.document_id, []).append(fact)

    def of(document: Document) -> list[Painted]:
        known = facts.get(document.id, []) if files.facts is not None else None
        return paint(document, pairs.get(document.source, []), known)

    return {document.id: of(document) for document in files.documents or []}
