"""Running a command: errors become one clear message, and an exit code."""

import sys

from pupila.core.errors import PupilaError
from pupila.core.extras import name_missing_extra
from pupila.core.messages import say
from pupila.core.terminal import escaped_output

BAD_INPUT = 2
INTERRUPTED = 130


@escaped_output()
def run(arguments: list[str]) -> int:
    """The exit code of a command: 0 success, 1 problems found, 2 invalid input, 130 interrupted."""
    from pupila.cli.app import app

    debug = "--debug" in arguments
    try:
        with name_missing_extra():
            app(args=[a for a in arguments if a != "--debug"], standalone_mode=True, prog_name="pupila")
    except SystemExit as end:  # typer always ends so, after Ctrl-C with 130
        if end.code == INTERRUPTED:
            print(
                "\n"
                + say(
                    "Interrupted. Files read so far are cached; a run continues with --resume, a compression by the "
                    "same command."
                ),
                file=sys.stderr,
            )
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except PupilaError as fault:
        if debug:
            raise
        return _print_error(fault)
    return 0


def _print_error(fault: PupilaError) -> int:
    print(say("error: {fault}", fault=fault), file=sys.stderr)
    return BAD_INPUT
