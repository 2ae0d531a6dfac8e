"""Requests for many images: one at a time until the first success, then in parallel."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait

from pupila.core.errors import PupilaError
from pupila.stages.label.labellers.endpoint import Endpoint, Stopped, Unanswered
from pupila.stages.label.labellers.labeller import NoLabel, Outcome, Outcomes


def request_rows(
    rows: Sequence[int], ask: Callable[[int], Outcome], workers: int, endpoint: Endpoint
) -> Outcomes:
    """Yield the outcome of each row as it arrives; one bad image never stops the others.

    Until the first success, rows are sent one by one: a wrong key or address fails once, and not in every thread.

    Args:
        rows: the rows to label.
        ask: requests a row; raises Unanswered, Stopped, or PupilaError for an image that can't be read.
        workers: threads.
        endpoint: that `ask` uses.

    Raises:
        PupilaError: a fatal error, after the outcomes of all rows.
    """

    def outcome(row: int) -> tuple[int, Outcome]:
        if endpoint.fatal is not None:
            return row, NoLabel("not_requested")
        try:
            return row, ask(row)
        except Unanswered as fault:
            return row, NoLabel("failed", str(fault))
        except PupilaError as fault:
            return row, NoLabel("failed", fault.actual or fault.problem)
        except Stopped:
            return row, NoLabel("not_requested")

    left = iter(rows)
    for row in left:
        yield outcome(row)
        if endpoint.responded:
            break
    yield from _request_in_parallel(left, outcome, workers, endpoint)
    if endpoint.fatal is not None:
        raise endpoint.fatal


def _request_in_parallel(
    rows: Iterator[int], outcome: Callable[[int], tuple[int, Outcome]], workers: int, endpoint: Endpoint
) -> Outcomes:
    """In parallel; an interruption first ends all waiting, then the threads."""
    waiting: set[Future[tuple[int, Outcome]]] = set()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for row in rows:
                waiting.add(pool.submit(outcome, row))
                if len(waiting) >= 2 * workers:
                    completed, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from [future.result() for future in completed]
            for future in as_completed(waiting):
                yield future.result()
        finally:
            endpoint.stop()
            for future in waiting:
                future.cancel()
