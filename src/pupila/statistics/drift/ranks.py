"""P-values of a stream of values: independent and uniform while the values are exchangeable."""

import random
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence

REMEMBERED = 10_000  # values of a stream


class RankPool:
    """The values of a stream so far, among which each new one is ranked.

    With more than `limit` values, each new one removes one at random: the rest is a random sample of all values that
    does not depend on the p-values so far, which leaves later p-values uniform and independent.
    """

    def __init__(self, reference: Iterable[float], seed: str, limit: int = REMEMBERED) -> None:
        """Start.

        Args:
            reference: values from before the stream, in any order; none is NaN.
            seed: breaks ties and removes values.
            limit: most values that are remembered.
        """
        self._random, self._limit = random.Random(seed), limit
        values = sorted(reference)
        if len(values) > limit:
            values = sorted(self._random.sample(values, limit))
        self._values = array("d", values)  # half the time and a quarter of the memory of a list

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: float) -> float | None:
        """The p-value of the next value, which joins the pool: its smoothed rank, see `smooth_rank`.

        None where all values are equal: they say nothing, and their ranks would be noise.
        """
        insort(self._values, value)
        p = smooth_rank(self._values, value, self._random.random())
        varies = self._values[0] < self._values[-1]
        if len(self._values) > self._limit:
            del self._values[self._random.randrange(len(self._values))]
        return p if varies else None


def smooth_rank(values: Sequence[float], value: float, tie: float) -> float:
    """The share of sorted values below one of them, plus `tie`, 0..1, of the share equal to it.

    Source: Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world", section 2.2.
    """
    below = bisect_left(values, value)
    return (below + tie * (bisect_right(values, value) - below)) / len(values)
