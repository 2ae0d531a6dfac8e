"""`python -m benchmarks.accuracy run` adds missing results, `table` compares them, `write` writes a task."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.accuracy.catalogue import CPU_SECONDS, METHODS
from benchmarks.accuracy.runner import Bench, OutOfTime, make_cells
from benchmarks.accuracy.tasks import DEVELOPMENT, HELD_OUT, TASKS, write_task


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run what has no row yet")
    run.add_argument("--half", choices=(DEVELOPMENT, HELD_OUT), default=DEVELOPMENT)
    run.add_argument("--tasks", nargs="*", choices=TASKS, help="instead of all of the half")
    names = sorted({name for methods in METHODS.values() for name in methods})
    run.add_argument("--methods", nargs="*", choices=names, default=[], help="all")
    run.add_argument("--seeds", nargs="*", type=int, default=[0, 1])
    run.add_argument("--cpu-seconds", type=float, help="of each method [240 for classes, 600 for masks]")
    run.add_argument("--limit-minutes", type=float, default=float("inf"), help="end after that time")
    run.add_argument("--renew", action="store_true", help="also rows of another version of Pupila")
    run.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "pupila-accuracy")
    table = commands.add_parser("table", help="compare the results")
    table.add_argument("--half", choices=(DEVELOPMENT, HELD_OUT), default=HELD_OUT)
    table.add_argument("--cpu-seconds", type=float, help="compare the rows of this limit")
    write = commands.add_parser("write", help="write the data set of a task")
    write.add_argument("task", choices=TASKS)
    write.add_argument("folder", type=Path)
    return parser.parse_args()


def main() -> None:
    """Parse, and call one part."""
    arguments = _parse()
    if arguments.command == "write":
        write_task(arguments.task, arguments.folder)
        return
    limits = dict.fromkeys(CPU_SECONDS, arguments.cpu_seconds) if arguments.cpu_seconds else CPU_SECONDS
    if arguments.command == "table":
        from benchmarks.accuracy.table import write_table

        write_table(arguments.half, limits)
        return
    tasks = arguments.tasks or [name for name, task in TASKS.items() if task.half == arguments.half]
    cells = make_cells(tasks, arguments.methods, arguments.seeds, limits)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what is running ends with this process
    bench = Bench(arguments.work, deadline=time.monotonic() + arguments.limit_minutes * 60)
    try:
        print(f"{bench.run(cells, arguments.renew)} of {len(cells)} cells run")
    except OutOfTime:
        print("the time is over; call again to resume")


if __name__ == "__main__":
    main()
