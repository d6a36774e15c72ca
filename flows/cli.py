"""The console command: a thin skin over the flows.

    closedbook run corpora/heronsmere-works --preset quick
    closedbook ask generated/heronsmere-works-quick "Who set up the Works?"

Exit codes: 0 done; 1 the run failed or its result is unusable; 2 wrong usage; 130 stopped by Ctrl-C. An error is one
line that names the value and the fix; the traceback comes with ``--debug``. Everything heavy is imported by the command
that needs it, so that ``--help`` is quick.
"""

import errno
import os
import sys
import traceback

import click

from flows.allocator import begin_with_fast_malloc
from flows.commands import machine, running, using
from flows.commands.options import say_how_to_go_on
from tasks.errors import ClosedbookError

USAGE, FAILED, STOPPED = 2, 1, 130


def main(arguments: list[str] | None = None) -> None:
    """Run the console command and end the process with its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
        begin_with_fast_malloc(arguments)
    code = execute(arguments)
    if code == STOPPED:
        sys.stdout.flush()
        os._exit(code)  # taking a process with torch and spaCy in it apart takes seconds, and Ctrl-C is to be quick
    sys.exit(code)


def execute(arguments: list[str]) -> int:
    """Run one command; return its exit code. Errors become one line on standard error."""
    debug = "--debug" in arguments
    try:
        closedbook.main(arguments, prog_name="closedbook", standalone_mode=False, obj=debug)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        return _report(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        say_how_to_go_on(arguments)
        return STOPPED
    except BrokenPipeError:  # the reader of our output has gone, e.g. `| head`
        sys.stderr.close()
        return FAILED
    except (ClosedbookError, OSError) as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, ClosedbookError):
            return _report(str(error), error.exit_code)
        if error.errno == errno.ENOSPC:
            return _report(
                f"{error.filename or 'disk'}: no space left; free some and run the same command again", FAILED
            )
        return _report(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "), FAILED)
    return 0


def _report(message: str, code: int) -> int:
    print("closedbook: " + " ".join(message.split()), file=sys.stderr)
    return code


class Front(click.Group):
    """The list of commands as they are used, one after the other, without options of its own: it fits a screen."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which they were added."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands only."""
        self.format_commands(ctx, formatter)


@click.group(cls=Front, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="closedbook")
def closedbook() -> None:
    """Turn a text into a model that answers from it, and says when it cannot.

    \b
    Example: closedbook run my/texts --out generated/mine
    """


for command in (
    running.run, running.compare, running.plan, machine.doctor, machine.completion, running.generate, running.curate,
    running.finetune, using.probe, using.ask, using.export, using.merge, using.audit, using.review, machine.fetch,
    machine.serve,
):  # fmt: skip
    closedbook.add_command(command)


if __name__ == "__main__":
    main()
