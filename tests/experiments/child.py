"""A sweep whose processes die while they write: `python -m tests.experiments.child FOLDER SESSION` is a worker."""

import os
import random
import sys
from pathlib import Path
from typing import Any

from pupila.experiments import pool, process
from pupila.experiments.definition import RunOptions, open_sweep, parse_definition
from pupila.experiments.runner import Runner
from tests.killing import die_at_write

KILLS = "kills"  # file beside the sweep: a line for each process that dies
SETTINGS: dict[str, Any] = {
    "model": "lenet", "weights": "none", "image_size": 32, "epochs": 2, "batch_size": 8, "augment": "flip",
    "precision": "float32", "patience": 9, "collapse_patience": 9,
    "grid": {"lr": [1e-3, 1e-2], "seed": [1, 2, 3]},
}  # fmt: skip
LEAST_WRITES, MOST_WRITES = 3, 120  # before a process dies


def perhaps_die(folder: Path, kills: int) -> None:
    """Let this process die at some write, unless so many others do."""
    path = folder / KILLS
    lines = path.read_text().splitlines() if path.exists() else []
    if len(lines) >= kills:
        return
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    die_at_write(random.Random(len(lines)).randint(LEAST_WRITES, MOST_WRITES))


def run(data: str, out: str, jobs: int, kills: int) -> None:
    """Begin the sweep or resume it, in a process that may die; its workers may die, too."""
    os.environ["SWEEP_KILLS"] = str(kills)
    pool.MODULE = "tests.experiments.child"
    perhaps_die(Path(out).parent, kills)
    definition, own = parse_definition({**SETTINGS, "jobs": jobs})
    resume = Path(out, "sweep.json").exists()
    options = RunOptions.parse(own)
    opened = open_sweep(data, definition, out, resume, options, lambda line: None)
    runner = Runner(opened, options, lambda line: None)
    runner.run_cells(definition.entries())
    runner.close()


if __name__ == "__main__":
    perhaps_die(Path(sys.argv[1]).parent, int(os.environ["SWEEP_KILLS"]))
    process.work(sys.argv[1], sys.argv[2])
