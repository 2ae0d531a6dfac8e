"""The command line as a process of its own: started and ended without work for memory that nobody needs."""

import atexit
import gc
import os
import sys

from pupila.cli import main

_OBJECTS = 5_000  # new ones before Python looks for garbage: torch and an export make a million that stay


def run_process() -> None:
    """Run the command line, and end the process with its exit code.

    Python frees every object at the end: with torch and its exporter loaded, that takes 1.5 seconds. It does so where
    others, such as a tracer, have registered exit handlers before: those would not be called.
    """
    gc.set_threshold(_OBJECTS)
    codes: list[int] = []
    if not atexit._ncallbacks():
        atexit.register(_end, codes)  # registered first, called last: after threads and temporary files
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, int):
            codes.append(end.code)
        raise


def _end(codes: list[int]) -> None:
    """End the process with its exit code, unless it has none, or what it printed can't be written."""
    if not codes:
        return
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # None: closed before the command began
            stream.flush()
    except (OSError, ValueError):
        return
    os._exit(codes[0])
