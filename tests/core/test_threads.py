"""Work made ahead: in order, bounded, and with its faults."""

import threading

import pytest

from pupila.core.threads import ahead


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_what_is_made_ahead_comes_in_order(workers: int) -> None:
    assert list(ahead(list(range(20)), lambda n: n * n, workers)) == [n * n for n in range(20)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_fault_of_the_making_reaches_who_asks(workers: int) -> None:
    made = ahead([2, 1, 0, 5], lambda n: 2 // n, workers)
    assert [next(made), next(made)] == [1, 2]
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_no_more_than_twice_the_workers_are_made_ahead_and_none_after_the_end() -> None:
    begun: list[int] = []
    made = ahead(list(range(100)), begun.append, workers=2)
    next(made)
    made.close()  # type: ignore[attr-defined]
    assert len(begun) <= 4
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]
