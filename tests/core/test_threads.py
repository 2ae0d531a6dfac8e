"""Prefetching: in order, bounded, and with its errors."""

import threading

import pytest

from pupila.core.threads import prefetch


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_prefetched_results_come_in_order(workers: int) -> None:
    assert list(prefetch(list(range(20)), lambda n: n * n, workers)) == [n * n for n in range(20)]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_reaches_the_consumer(workers: int) -> None:
    results = prefetch([2, 1, 0, 5], lambda n: 2 // n, workers)
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_at_most_twice_the_workers_are_prefetched_and_none_after_the_end() -> None:
    begun: list[int] = []
    results = prefetch(list(range(100)), begun.append, workers=2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(begun) <= 4
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]
