"""The command line: every command reads, checks, calls one stage, and prints where the result lies."""

import sys

from pupila.cli.run import run


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))
