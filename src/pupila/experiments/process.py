"""A worker process of a sweep: `python -m pupila.experiments.process FOLDER SESSION [UNTIL]`, which `pool` starts."""

import math
import os
import sys
import time

from pupila.artifacts.run.log import LogLine
from pupila.artifacts.sweep.folder import Sweep
from pupila.experiments.inputs import open_inputs
from pupila.experiments.worker import POLL_SECONDS, CellWorker, Step

INTERRUPTED = 130


def work(folder: str, session: str, until: float = math.inf) -> None:
    """Train cells until none is left and no more will come, the time is over, or the starting process is gone.

    Args:
        folder: of the sweep.
        session: start of the sweep.
        until: seconds since 1970, after which no cell is begun.

    Raises:
        KeyboardInterrupt: it is gone while a cell is trained.
    """
    parent = os.getppid()

    def check_parent(_: LogLine) -> None:
        if os.getppid() != parent:
            raise KeyboardInterrupt

    worker = CellWorker(folder, open_inputs(Sweep(folder).info), session, check_parent)
    while os.getppid() == parent and time.time() < until:
        is_closed = Sweep(folder).info.closed  # asked first: what is added until it is closed is not missed
        step, _ = worker.train_next()
        if step == Step.NOTHING and is_closed:
            return
        if step != Step.TRAINED:
            time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    try:
        work(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:4]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
