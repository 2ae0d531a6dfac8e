"""The command line: every command reads, checks, calls one stage, and prints where the result lies."""

import sys
import traceback

from pupila.cli.run import run
from pupila.core.terminal import escaped_output


def main() -> None:
    """Run the command line and leave with its exit code."""
    with escaped_output():  # around `run`, for a stack trace has names in it, too
        try:
            code = run(sys.argv[1:])
        except Exception:  # noqa: BLE001 -- printed as Python prints it
            traceback.print_exc()
            code = 1
    sys.exit(code)
