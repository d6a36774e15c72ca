"""Several students on one dataset: it is made once, each student is tuned and probed on it, one table shows all.

    compare(Path("corpora/heron"), ["embedded", "models/pythia"], Path("generated/heron-compare"), config)
    ->  dataset/                  a run up to its examples
        embedded/ pythia/         a run each: `closedbook ask`, `probe` and `merge` work on them
        compare.html compare.md compare.json

A run in place of a corpus lends its dataset. Students that are done already are not tuned again; one that fails is
told in the table, and the others go on.
"""

import gc
import json
import logging
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, task

from flows.curate import curate
from flows.finetune import finetune
from flows.generate import generate
from flows.limits import device
from flows.models import check_needs
from flows.probe import probe, put
from flows.run_folder import CONFIG, STAGES, begin, held, measured, read_setup
from flows.self_instruct import conclude
from flows.students import open_student
from tasks.config import Config
from tasks.errors import ClosedbookError, UnusableResult, UsageError
from tasks.probing.probes import load_probes
from tasks.records import Example, Probe, derive_id
from tasks.reporting.gathering import HELD_OUT, chosen, column, right_by_probe, side_by_side
from tasks.storage import MANIFEST, file_hash, read_records, write_json, write_records

logger = logging.getLogger(__name__)

DATASET = (
    "documents.jsonl", "chunks.jsonl", "facts.jsonl", "entities.jsonl", "completions.jsonl", "candidates.jsonl",
    "pairs.jsonl", "rejected.jsonl", "train.jsonl", "valid.jsonl", "funnel.json", STAGES,
)  # fmt: skip
ANSWERS = "answers.jsonl"


@flow(name="compare", flow_run_name="compare {out.name}")
def compare(
    corpus: Path, students: Sequence[str], out: Path, config: Config = Config(), questions: Path | None = None
) -> Path:
    """Tune and measure several students on one dataset; return the page.

    Args:
        corpus: a text, a folder of texts, or a run whose dataset is taken as it is.
        students: what ``tuning.student`` takes, each once.
        out: the folder that gets everything.
        questions: asked of every student and shown side by side: probes (.jsonl), or a text with a question a line.

    Raises:
        UnusableResult: when a student failed; the table with the others is written all the same.
    """
    folders = named(students)
    configs = {name: with_student(config, name) for name in students}
    asked = read_questions(questions) if questions else []
    for settings in configs.values():
        check_needs(settings)
    out.mkdir(parents=True, exist_ok=True)
    dataset = corpus if is_run(corpus) else make_dataset(corpus, out / "dataset", config)
    failed: dict[str, str] = {}
    for name, folder in folders.items():
        try:
            study(dataset, out / folder, configs[name], asked)
        except ClosedbookError as error:
            failed[name] = str(error)
            logger.warning(f"{name} failed: {error}")
        gc.collect()
    show = publish_comparison(dataset, out, folders, failed, asked)
    if failed:
        name, message = next(iter(failed.items()))
        raise UnusableResult(f"{len(failed)} of {len(students)} students failed, {name} first: {message} (see {show})")
    return show


def check_comparison(
    corpus: Path, students: Sequence[str], preset: str, settings: Sequence[str], questions: Path | None
) -> Config:
    """Resolve what a comparison is begun with; whatever is amiss with it is told before anything is started.

    Raises:
        ClosedbookError: for a text, model, setting or question file that cannot be used.
    """
    from tasks.corpus.readers import check_corpus

    named(students)
    config = comparison_config(corpus, preset, settings)
    if not is_run(corpus):
        check_corpus(corpus)
    for name in students:
        check_needs(with_student(config, name))
    if questions:
        read_questions(questions)
    return config


def comparison_config(corpus: Path, preset: str, settings: Sequence[str]) -> Config:
    """Resolve the settings; those of a run that lends its dataset hold unless they are changed.

    Raises:
        UsageError: for an unknown preset or name, or a value that does not fit.
    """
    if not is_run(corpus):
        return Config.build(preset, list(settings))
    lent = read_setup(corpus).config
    own = []
    for name, value in lent.model_dump(mode="json", exclude={"preset"}).items():
        parts = {f"{name}.{key}": part for key, part in value.items()} if isinstance(value, dict) else {name: value}
        own += [f"{key}={json.dumps(part)}" for key, part in parts.items()]
    return Config.build(lent.preset, [*own, *settings])


def named(students: Sequence[str]) -> dict[str, str]:
    """Name a folder for each student: 'meta-llama/Llama-2-7b-hf' -> 'llama-2-7b-hf'.

    Raises:
        UsageError: for fewer than two, or one that is named twice.
    """
    if len(students) < 2 or len(set(students)) < len(students):
        raise UsageError(f"--students {','.join(students)}: name two or more, each once, with commas between")
    folders: dict[str, str] = {}
    for student in students:
        name = re.sub(r"[^a-z0-9.]+", "-", Path(student).name.lower()).strip("-.") or "student"
        taken = {*folders.values(), "dataset"}
        folders[student] = next(n for n in (name, *(f"{name}-{i}" for i in range(2, 99))) if n not in taken)
    return folders


def with_student(config: Config, name: str) -> Config:
    """The configuration with another student."""
    values = config.model_dump(mode="json")
    values["tuning"]["student"] = name
    return Config.model_validate(values)


def read_questions(path: Path) -> list[Probe]:
    """Probes from a .jsonl file, or bare questions, a line each; those have no right answer (``accepted`` empty).

    Raises:
        UsageError: when the file is missing or holds no question.
    """
    if path.suffix == ".jsonl":
        return load_probes(path)
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise UsageError(f"--questions {path}: no text file in UTF-8; give one with a question a line") from error
    if not lines:
        raise UsageError(f"--questions {path}: no question in it; write one a line")
    return [Probe(derive_id("question", line), "other", line, (), None) for line in dict.fromkeys(lines)]


def is_run(corpus: Path) -> bool:
    """Whether a folder is a run with a dataset rather than one of texts."""
    return (corpus / CONFIG).is_file() and (corpus / "train.jsonl").is_file()


def make_dataset(corpus: Path, run: Path, config: Config) -> Path:
    """Make a run up to its examples, unless it is there already from the same texts and settings."""
    key = dataset_key(corpus, config)
    stamp = run / "dataset.json"
    if stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == key:
        logger.info("the dataset was made from the same texts by the same settings: kept")
        return run
    with held(run):
        begin(corpus, run, config)
        generate(run, config)
        curate(run, config)
        write_json(stamp, key)
    return run


def dataset_key(corpus: Path, config: Config) -> dict[str, Any]:
    """All that a dataset depends on; of the tuning only what shapes the examples."""
    from tasks.corpus.readers import find_texts

    texts = find_texts(corpus) if corpus.is_dir() else [corpus]
    settings = config.model_dump(mode="json", exclude={"tuning": {"student"}, "probing": True})
    return {"texts": [file_hash(path) for path in texts], "settings": settings}


def study(dataset: Path, run: Path, config: Config, asked: Sequence[Probe]) -> None:
    """Tune one student on a dataset and measure it, unless that is done already."""
    with held(run):
        if not done(dataset, run, config):
            begin(read_setup(dataset).corpus, run, config)
            for name in DATASET:
                if (dataset / name).is_file():
                    shutil.copyfile(dataset / name, run / name)
            finetune(run, config)
            probe(run, config)
            with device(config.tuning.student):
                weigh(run, config)
            conclude(run)
        answer(run, config, asked)


def done(dataset: Path, run: Path, config: Config) -> bool:
    """Whether a student's run is finished, and from this dataset and configuration."""
    if not (run / MANIFEST).is_file() or not (run / HELD_OUT).is_file():
        return False
    same = all(file_hash(run / name) == file_hash(dataset / name) for name in ("train.jsonl", "valid.jsonl"))
    return same and read_setup(run).config == config


@task(task_run_name="weigh {run.name}")
def weigh(run: Path, config: Config) -> None:
    """Read the held-out answers with both models: perplexity, and bits per byte."""
    from tasks.probing.asking import as_base
    from tasks.probing.held_out import held_out

    student = open_student(run, config)
    examples = read_records(run / "valid.jsonl", Example)
    found: dict[str, Any] = {}
    if examples:
        with as_base(student.tuned, student.base) as base:
            before = held_out(base, student.tokenizer, student.renderer, examples)
        after = held_out(student.tuned, student.tokenizer, student.renderer, examples)
        for model, figures in (("base", before), ("tuned", after)):
            found[model] = figures.perplexity._asdict() | {"bits_per_byte": figures.bits_per_byte}
    write_json(run / HELD_OUT, found)


@task(task_run_name="answer {run.name}")
def answer(run: Path, config: Config, asked: Sequence[Probe]) -> None:
    """Ask the questions of a file, if there is one, of both models."""
    if asked:
        with measured(run, "answer"), device(config.tuning.student):
            write_records(run / ANSWERS, put(open_student(run, config), asked))


@task(task_run_name="compare {out.name}")
def publish_comparison(
    dataset: Path, out: Path, folders: dict[str, str], failed: dict[str, str], asked: Sequence[Probe]
) -> Path:
    """Gather the runs into compare.json and the pages made of it."""
    from tasks.reporting.comparison import paired, write_comparison  # draws with matplotlib: a second to import

    students = [column(name, out / folder, failed.get(name, "")) for name, folder in folders.items()]
    good = {student["name"]: out / student["folder"] for student in students if not student["error"]}
    shown = list(asked) or chosen(next(iter(good.values())) if good else None)
    trained, valid = (len(read_records(dataset / f"{side}.jsonl", Example)) for side in ("train", "valid"))
    right = [{"name": name, "right": right_by_probe(run)} for name, run in good.items()]
    found = {
        "corpus": read_setup(dataset).corpus.name,
        "dataset": f"{trained:,} training and {valid:,} validation examples, the same for all",
        "students": students,
        "pairs": paired(right) if right else [],
        "answers": [side_by_side(item, good, ANSWERS if asked else "results.jsonl") for item in shown],
    }
    return write_comparison(out, found)
