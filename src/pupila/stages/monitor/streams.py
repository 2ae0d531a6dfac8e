"""How each stream of values has changed."""

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pupila.artifacts.report.drift import StreamChange
from pupila.core.messages import listing, say
from pupila.stages.monitor.watch import Watch
from pupila.statistics.drift.observations import Observations
from pupila.statistics.drift.streams import OUTPUT_STREAMS, choose_streams
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import MIN_GROUPS, Z_95

Array = NDArray[Any]
_BINS = 20


def describe_streams(
    reference: Observations, log: Observations, watched: Watch, classes: list[str]
) -> list[StreamChange]:
    """The streams since the change, that with the most evidence first.

    One that the reference does not know is compared with the groups of the log before the change.

    Args:
        reference: what the detector compared with.
        log: its groups.
        watched: what the detector reported.
        classes: of the bundle.
    """
    chosen = choose_streams(reference)
    columns = zip(chosen.names, chosen.extract(reference).T, chosen.extract(log).T, strict=True)
    described = [_describe(name, before, own, watched, classes) for name, before, own in columns]
    return sorted(described, key=lambda stream: -stream.evidence)


def _describe(name: str, reference: Array, log: Array, watched: Watch, classes: list[str]) -> StreamChange:
    is_known = not np.isnan(reference).all()
    before, after = reference if is_known else log[: watched.since], log[watched.since :]
    before, after = before[~np.isnan(before)], after[~np.isnan(after)]
    edges = np.histogram_bin_edges(np.concatenate([before, after]), _BINS)
    shares = [np.histogram(own, edges)[0] / max(len(own), 1) for own in (before, after)]
    return StreamChange(
        name=name, title=title_stream(name, classes), changed=name in watched.changed, evidence=watched.streams[name],
        baseline="reference" if is_known else "beginning", reference=_mean(before), stream=_mean(after),
        shift=_measure_shift(before, after), edges=edges.tolist(), reference_shares=shares[0].tolist(),
        stream_shares=shares[1].tolist(),
    )  # fmt: skip


def _mean(values: Array) -> float | None:
    return float(values.mean()) if len(values) else None


def _measure_shift(before: Array, after: Array) -> Estimate:
    """Of the mean, in standard deviations of the baseline, with Welch's interval in the normal approximation."""
    spread = float(before.std()) if len(before) else 0.0
    if not len(after) or spread == 0:
        return Estimate(value=None)
    shift = float(after.mean() - before.mean()) / spread
    if min(len(before), len(after)) < MIN_GROUPS:
        return Estimate(value=shift)
    half = Z_95 * sqrt(before.var(ddof=1) / len(before) + after.var(ddof=1) / len(after)) / spread
    return Estimate(value=shift, low=shift - half, high=shift + half)


def title_stream(name: str, classes: list[str]) -> str:
    """A stream in words.

    Args:
        name: of `Streams.names`.
        classes: of the bundle.
    """
    family, _, index = name.partition(" ")
    if family == "embedding":
        return say("content (projection {n})", n=int(index) + 1)
    if family == "outputs":
        shared = classes[int(index) :: OUTPUT_STREAMS]
        if len(shared) > 1:
            return say("classes {names}", names=listing(shared, 1))
        return say("class {name}", name=shared[0])
    return {"confidence": say("confidence"), "brightness": say("brightness"), "sharpness": say("sharpness")}[
        family
    ]
