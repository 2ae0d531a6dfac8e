"""Asking a server for many images: alone until it answered once, then several at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait

from pupila.core.errors import PupilaError
from pupila.stages.label.labellers.endpoint import Endpoint, Stopped, Unanswered
from pupila.stages.label.labellers.labeller import Left, Outcome, Outcomes


def asked_rows(
    rows: Sequence[int], ask: Callable[[int], Outcome], workers: int, endpoint: Endpoint
) -> Outcomes:
    """The outcome of each row, as they come; one bad image never stops the rest.

    Until the server answered once, rows are asked one by one: a wrong key or address is refused once, and not by
    every thread.

    Args:
        rows: to ask.
        ask: asks for a row; raises Unanswered, Stopped, or PupilaError for an image that can't be read.
        workers: threads.
        endpoint: that is asked.

    Raises:
        PupilaError: a fault that ends the run, after the outcomes of all rows.
    """

    def outcome(row: int) -> tuple[int, Outcome]:
        if endpoint.fatal is not None:
            return row, Left("unasked")
        try:
            return row, ask(row)
        except Unanswered as fault:
            return row, Left("failed", str(fault))
        except PupilaError as fault:
            return row, Left("failed", fault.found or fault.what)
        except Stopped:
            return row, Left("unasked")

    left = iter(rows)
    for row in left:
        yield outcome(row)
        if endpoint.answered:
            break
    yield from _together(left, outcome, workers, endpoint)
    if endpoint.fatal is not None:
        raise endpoint.fatal


def _together(
    rows: Iterator[int], outcome: Callable[[int], tuple[int, Outcome]], workers: int, endpoint: Endpoint
) -> Outcomes:
    """Several at a time; an interruption first ends all waiting, then the threads."""
    waiting: set[Future[tuple[int, Outcome]]] = set()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for row in rows:
                waiting.add(pool.submit(outcome, row))
                if len(waiting) >= 2 * workers:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from [future.result() for future in done]
            for future in as_completed(waiting):
                yield future.result()
        finally:
            endpoint.stop()
            for future in waiting:
                future.cancel()
