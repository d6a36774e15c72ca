"""The commands that use a finished run: ask it, probe it, export it, merge it, audit it, review it."""

from pathlib import Path

import click

from flows.commands.options import (
    absolute,
    alone,
    debug_option,
    engine,
    json_option,
    refuse_elsewhere,
    run_argument,
)
from tasks.errors import UsageError

FORMATS = ("llama2", "prompt-completion", "messages", "alpaca", "sharegpt", "hf")


@click.command(short_help="Ask base and tuned model the same questions.")
@run_argument
@click.option("--probes", type=click.Path(path_type=Path), help="Questions, a JSON line each. [default: RUN's own]")
@click.option("--out", type=click.Path(path_type=Path), help="Answers, a JSON line a probe. [default: into RUN]")
@json_option
@debug_option
def probe(run: Path, probes: Path | None, out: Path | None, as_json: bool) -> None:
    """Ask the base and the tuned model of RUN the same questions, and score the answers.

    \b
    Example: closedbook probe generated/mine --probes my.jsonl --out answers.jsonl

    A question is a JSON line {"id", "category", "question", "accepted": [...] or null, "source"}; null asks for a
    refusal. An answer is a line with id, category, question, and response and verdict of both models.
    """
    from flows.fetching import fetched
    from flows.run_folder import read_setup
    from tasks.working_copies import here

    refuse_elsewhere("--probes", probes)
    refuse_elsewhere("--out", out)
    setup = read_setup(fetched(run))
    if (probes is None) != (out is None):
        raise UsageError("--probes and --out go together: give both, or neither to probe RUN with its own questions")
    with engine():
        from flows.probe import ask_file, probe

        if probes is None or out is None:
            probe(absolute(run), setup.config)
        else:
            ask_file(here(absolute(run)), probes.resolve(), out.resolve(), setup.config)
    if as_json:
        from flows.shown import print_json, run_row, verdict_counts

        print_json(verdict_counts(out) if out is not None else run_row(here(run)))


@click.command(short_help="Answer a question, or chat.")
@run_argument
@click.argument("question", required=False)
@click.option("--source", metavar="TAG", help="Ask under this Source tag.")
@click.option("--base", is_flag=True, help="Ask the model as it was before tuning.")
@click.option("--threshold", type=float, metavar="NATS", help="Refuse above this margin. [default: RUN's own]")
@json_option
@debug_option
def ask(
    run: Path, question: str | None, source: str | None, base: bool, threshold: float | None, as_json: bool
) -> None:
    """Answer one QUESTION from RUN's model, or chat when none is given (an empty line ends it).

    \b
    Example: closedbook ask generated/mine "When was the Badger last relined?"
             closedbook ask generated/mine --threshold 3

    The answer goes to standard output. At a terminal two lines follow it: the sentence of the corpus that says so,
    and the margin, how much likelier it declines, in nats; a higher threshold declines less.
    """
    with alone():
        from flows.chat import Chat, converse
        from flows.fetching import fetched

        chat = Chat(fetched(run), source=source or "", base=base, threshold=threshold)
        converse(chat, question, as_json=as_json)


@click.command(short_help="Write the dataset in another format.")
@run_argument
@click.option(
    "--format",
    "form",
    required=True,
    metavar="|".join(FORMATS),
    help="How the examples are rendered.",
    shell_complete=lambda *_: list(FORMATS),
)
@click.option("--out", type=click.Path(path_type=Path), help="File or folder to write. [default: RUN/export/FORMAT]")
@debug_option
def export(run: Path, form: str, out: Path | None) -> None:
    """Write the dataset of RUN in a format that other trainers read.

    \b
    Example: closedbook export generated/heronsmere-works-quick --format llama2
    """
    if form not in FORMATS:
        raise UsageError(f"--format {form}: unknown; choose one of {', '.join(FORMATS)}")
    from flows.elsewhere import at_hand
    from flows.fetching import fetched
    from tasks.curation.formats import export as write

    refuse_elsewhere("--out", out)
    if out is not None:
        click.echo(write(fetched(run), form, out))
        return
    with at_hand(run) as folder:  # into the run itself
        click.echo(write(folder, form))


@click.command(short_help="Write student and adapter as one model.")
@run_argument
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder of the model.")
@click.option("--probes", type=click.Path(path_type=Path), help="Questions to ask both. [default: RUN's own]")
@click.option("--no-probe", is_flag=True, help="Write the model and ask nothing.")
@debug_option
def merge(run: Path, out: Path, probes: Path | None, no_probe: bool) -> None:
    """Write RUN's student and adapter as one bfloat16 model; ask both the same probes.

    \b
    Example: closedbook merge generated/heronsmere-works-quick --out merged
    """
    from flows.fetching import fetched
    from flows.merge import merge, table
    from flows.run_folder import read_setup
    from flows.terminal import show_logs

    refuse_elsewhere("--probes", probes)
    refuse_elsewhere("--out", out)
    folder = fetched(run)
    setup = read_setup(folder)
    show_logs(debug=bool(click.get_current_context().obj))
    found = merge(folder, out, setup.config, probes=probes, ask=not no_probe)
    click.echo("\n".join(table(found)) if found else out)


@click.command(short_help="Check a run's dataset anew from its files.")
@run_argument
@debug_option
def audit(run: Path) -> None:
    """Check the dataset of RUN anew: counts, provenance, near-duplicates, leaks, refusal twins, formats.

    \b
    Example: closedbook audit generated/heronsmere-works-quick
    """
    from flows.audit import audit_run
    from flows.fetching import fetched

    audit_run(fetched(run))


@click.command(short_help="Accept, edit and reject pairs and gold probes.")
@run_argument
@click.option("--port", default=8430, show_default=True, help="Where to listen; 0 takes a free one.")
@debug_option
def review(run: Path, port: int) -> None:
    """Accept, edit and reject the pairs and gold probes of RUN, on a page of this machine.

    \b
    Example: closedbook review generated/heronsmere-works-quick
    """
    from flows.elsewhere import at_hand
    from flows.review import review as serve_page

    with at_hand(run) as folder:
        serve_page(folder, port=port, say=click.echo)
