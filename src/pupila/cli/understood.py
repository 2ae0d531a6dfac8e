"""Prints what was understood of a data set, before anything that takes long."""

import sys
from typing import Any


def print_understood(data: Any, json_: bool = False) -> None:
    """Print the sentences of an open data set and a blank line; to stderr where stdout is JSON for a script."""
    print(data, end="\n\n", file=sys.stderr if json_ else sys.stdout, flush=True)
