"""The memory that threads share for decoding: in turn, never more than there is, and never for ever."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pupila.imaging.images import budget
from pupila.imaging.images.budget import DecodeBudget, NoMemory, hold, reserve, set_decode_memory
from pupila.imaging.images.decode import ImageFault, decode
from tests.imaging.images.bombs import saved


@pytest.fixture(autouse=True)
def usual_memory() -> Iterator[None]:
    yield
    set_decode_memory(None)


def test_threads_together_never_take_more_than_there_is() -> None:
    shared, most, lock = DecodeBudget(100), [0, 0], threading.Lock()

    def work(needed: int) -> int:
        taken = shared.take(needed)
        with lock:
            most[0] += taken
            most[1] = max(most[1], most[0])
        with lock:
            most[0] -= taken
        shared.give_back(taken)
        return taken

    with ThreadPoolExecutor(8) as pool:
        sizes = [(37 * n) % 130 + 1 for n in range(400)]
        assert list(pool.map(work, sizes)) == [min(size, 100) for size in sizes]  # a larger one is alone
    assert most[1] <= 100
    assert shared.taken == 0


def test_who_asks_first_is_served_first() -> None:
    shared = DecodeBudget(100)
    first, order = shared.take(60), []

    def work(needed: int) -> None:
        taken = shared.take(needed)
        order.append(needed)
        shared.give_back(taken)

    large = threading.Thread(target=work, args=(90,))
    large.start()
    while not shared.waiting:
        pass
    small = threading.Thread(target=work, args=(10,))  # it would fit, but must not starve the large one
    small.start()
    while shared.waiting < 2:
        pass
    shared.give_back(first)
    large.join()
    small.join()
    assert order == [90, 10]


def test_a_server_refuses_what_never_fits_and_what_does_not_fit_in_time() -> None:
    shared = DecodeBudget(100, strict=True, patience=0.0)
    with pytest.raises(NoMemory) as never:
        shared.take(101)
    assert not never.value.busy
    taken = shared.take(60)
    with pytest.raises(NoMemory) as late:
        shared.take(60)
    assert late.value.busy
    assert shared.waiting == 0
    shared.give_back(taken)
    assert shared.take(100) == 100


def test_pixels_count_until_they_are_used_and_a_holder_never_waits() -> None:
    set_decode_memory(100, strict=True, patience=0.0)
    with hold():
        with reserve(80, 30):
            assert budget.budget().taken == 80
        assert budget.budget().taken == 30
        with reserve(95, 30):  # the second image of one thread: waiting could last for ever
            assert budget.budget().taken == 30
    assert budget.budget().taken == 0
    with reserve(80, 30):
        pass
    assert budget.budget().taken == 0
    with pytest.raises(ValueError, match="damaged"), hold(), reserve(80, 30):
        raise ValueError("damaged")
    assert budget.budget().taken == 0


def test_an_image_above_the_memory_is_oversized_to_a_server_and_alone_in_bulk() -> None:
    data = saved("PNG", 500)
    set_decode_memory(1_000_000, strict=True)
    with pytest.raises(ImageFault, match="decoding it takes") as fault:
        decode(data)
    assert fault.value.code == "oversized"
    set_decode_memory(1_000_000)
    assert decode(data).shape == (500, 500, 3)


def test_without_a_number_decoding_may_take_a_quarter_of_the_memory() -> None:
    set_decode_memory(None)
    assert budget.budget().total >= 1_000_000_000
