"""False alarms: streams in which nothing changes, as a bundle's reference meets them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from benchmarks.drift_alarms import EVERY, Alarms, all_alarms, in_groups, our_alarms
from benchmarks.drift_images import Population
from benchmarks.drift_streams import (
    LENGTH,
    Stream,
    left_out_streams,
    out_of_fold_streams,
    simulated_stream,
)
from benchmarks.drift_weekly import run_ks, weekly_values
from pupila.artifacts.bundle.reference import Reference
from pupila.statistics.drift.observations import Observations

STREAMS, FOLD_STREAMS, EVIDENTLY = (
    400,
    200,
    100,
)  # with a left-out reference, an out-of-fold one; tested by Evidently
LEFT_OUT, AS_PREDICTED, MONITORED = "left out", "out of fold, all streams", "out of fold, as monitored"
BY_GROUP, BY_PHOTO, FIRST_PHOTOS = (
    "one photo of each group",
    "every photo",
    f"every photo, the first {LENGTH}",
)
SIMULATED = "simulated"


def measure_quiet(populations: dict[str, Population], python: Path) -> list[dict[str, Any]]:
    """Of each population and pairing of reference and stream: streams with an alarm, which are all false."""
    rows = []
    for name, population in populations.items():
        left_out = list(left_out_streams(population, STREAMS))
        rows.append(_row(name, LEFT_OUT, left_out, all_alarms(left_out, python, STREAMS, EVIDENTLY)))
        folds = list(out_of_fold_streams(population, FOLD_STREAMS))
        monitored = [replace(stream, reference=_monitor(stream)) for stream in folds]
        rows += [
            _row(name, case, streams, _without_evidently(streams))
            for case, streams in ((AS_PREDICTED, folds), (MONITORED, monitored))
        ]
    simulated = [simulated_stream(np.random.default_rng(seed), 200, LENGTH) for seed in range(STREAMS)]
    by_photo = [_by_photo(stream) for stream in simulated]
    first = [replace(s, observations=s.observations.select(np.arange(LENGTH))) for s in by_photo]
    return [
        *rows,
        _row(SIMULATED, BY_GROUP, simulated, all_alarms(simulated, python, STREAMS, EVIDENTLY)),
        _row(SIMULATED, FIRST_PHOTOS, first, _without_evidently(first)),
        _row(SIMULATED, BY_PHOTO, by_photo, _without_evidently(by_photo)),
    ]


def _by_photo(stream: Stream) -> Stream:
    """As a client sends it that names no groups."""
    assert stream.photos is not None
    return replace(stream, observations=stream.photos)


def _monitor(stream: Stream) -> Observations:
    """What a service compares with where folds gave the reference."""
    return Reference(stream.reference, np.empty((0, 0), np.float32), is_out_of_fold=True).monitored


def _without_evidently(streams: Sequence[Stream]) -> Alarms:
    return our_alarms(streams) | in_groups(run_ks([weekly_values(stream) for stream in streams]))


def _row(name: str, case: str, streams: Sequence[Stream], alarms: Alarms) -> dict[str, Any]:
    """`promised` is the expected number of streams with an alarm, at most; `limit` ends its 95 % band."""
    length = float(np.mean([len(stream.observations) for stream in streams]))
    share = min(1.0, length / EVERY)
    row = {
        "groups": name, "case": case, "reference": len(streams[0].reference), "length": length,
        "streams": len(streams), "promised": share * len(streams),
        "limit": int(binom.ppf(0.975, len(streams), share)),
        "alarms": {method: [sum(map(bool, each)), len(each)] for method, each in alarms.items()},
    }  # fmt: skip
    print(f"  {row}", flush=True)
    return row
