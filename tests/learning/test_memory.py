"""Freed memory is used again, and given back at the end."""

import resource

import pytest
import torch

from pupila.learning import memory
from pupila.learning.memory import reused_memory

_FLOATS = 16 << 20  # 64 MB: above what glibc takes from its heap


def _count_faults() -> int:
    """Pages that ten tensors, one after the other, made the kernel fill."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(_FLOATS)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(memory._find_glibc() is None, reason="the C library is not glibc")
def test_only_the_first_use_of_memory_is_a_page_fault() -> None:
    with reused_memory():
        _count_faults()
        within = _count_faults()
    assert within * 10 < _count_faults()  # after it all is as usual


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_find_glibc", lambda: None)
    with reused_memory():
        assert torch.ones(3).sum() == 3


@pytest.mark.skipif(memory._find_glibc() is None, reason="the C library is not glibc")
def test_what_fails_within_it_leaves_all_as_usual() -> None:
    with pytest.raises(ZeroDivisionError), reused_memory():
        _ = 1 // 0
    assert _count_faults() > 0
