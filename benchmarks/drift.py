"""False alarms and delays of the drift detector, beside Evidently's tests and a weekly Kolmogorov-Smirnov test."""

import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from benchmarks.drift_images import Population, observe_populations
from benchmarks.drift_streams import (
    LENGTH,
    QUIET,
    SHIFTS,
    Stream,
    changed_streams,
    quiet_streams,
    simulated_stream,
)
from benchmarks.drift_table import write_tables
from benchmarks.drift_weekly import WEEK, evidently_python, run_ks, weekly_alarms
from benchmarks.measure import real_data, real_weights, trained_bundle
from pupila.statistics.drift.detector import DriftDetector
from pupila.statistics.drift.observations import Observations
from pupila.statistics.drift.streams import choose_streams

EVERY = 1_000  # N, groups between false alarms
STREAMS, CHANGED, WEEKLY = (
    400,
    100,
    20,
)  # quiet ones, and of each change; those of them that are tested weekly
LONG, LONG_LENGTH = 100, 5_000
REFERENCES = (50, 200, 1_000)
PUPILA = "pupila"
CHANGES = ("camera", "darker", "brighter", "share of classes", *SHIFTS)
Alarms = dict[str, list[list[int]]]  # by method: of each stream the groups at which it raises an alarm


def run() -> dict[str, Any]:
    """The acceptance table."""
    photos, weights = real_data("ants_bees"), real_weights("mobilenetv2_100.safetensors")
    if photos is None or weights is None:
        return {}
    return measure(observe_populations(trained_bundle(photos, weights)))


def measure(populations: dict[str, Population]) -> dict[str, Any]:
    """All figures for the populations, and for simulated groups."""
    figures: dict[str, Any] = {
        "every": EVERY, "length": LENGTH, "limit": _limit(STREAMS, LENGTH / EVERY), "streams": STREAMS,
        "changed streams": {"pupila": CHANGED, "weekly": WEEKLY}, "seconds of an update": _measure_updates(),
        "reference sizes": _measure_references(), "long": _measure_long(),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        python = evidently_python(Path(os.environ.get("EVIDENTLY_ENVIRONMENT", folder)))
        figures["quiet"] = _measure_quiet(populations, python)
        figures["changes"] = {name: _measure_changes(each, python) for name, each in populations.items()}
    write_tables(figures)
    return figures


def _limit(streams: int, share: float) -> int:
    """Upper end of the 95 % band of a binomial number."""
    return int(binom.ppf(0.975, streams, share))


def _evidence(stream: Stream, seed: int) -> NDArray[np.float64]:
    """After each group."""
    detector, path = DriftDetector(stream.reference, EVERY, seed), []
    for row in range(len(stream.observations)):
        detector.update(stream.observations.select(np.array([row])))
        path.append(detector.evidence)
    return np.array(path)


def _alarms(streams: Sequence[Stream], python: Path, weekly: int) -> Alarms:
    """Of all streams by the detector, of the first ones by the weekly methods."""
    ours = [(np.flatnonzero(_evidence(s, n) >= EVERY) + 1).tolist() for n, s in enumerate(streams)]
    theirs = weekly_alarms(streams[:weekly], python)
    return {PUPILA: ours} | {
        method: [[(week + 1) * WEEK for week in weeks] for weeks in each] for method, each in theirs.items()
    }


def _count(alarms: Alarms) -> dict[str, int]:
    return {method: sum(bool(each) for each in all_streams) for method, all_streams in alarms.items()}


def _measure_quiet(populations: dict[str, Population], python: Path) -> dict[str, Any]:
    """Streams with an alarm, which are all false."""
    rows: dict[str, Any] = {}
    for name, population in populations.items():
        streams = list(quiet_streams(population, STREAMS))
        rows[name] = {"reference": len(streams[0].reference)} | _count(_alarms(streams, python, STREAMS))
        print(f"  quiet, {name}: {rows[name]}", flush=True)
    simulated = [simulated_stream(np.random.default_rng(seed), 200, LENGTH) for seed in range(STREAMS)]
    rows["simulated, one photo of each group"] = {"reference": 200} | _count(
        _alarms(simulated, python, STREAMS)
    )
    rows["simulated, every photo counted"] = {"reference": 200} | _count(
        run_ks([_by_photo(s) for s in simulated])
    )
    print(f"  quiet, simulated: {rows}", flush=True)
    return rows


def _by_photo(stream: Stream) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Values of the reference, and of all photos of the groups of each week."""
    assert stream.photos is not None
    assert stream.groups is not None
    streams = choose_streams(stream.reference)
    values = streams.extract(stream.photos)
    weeks = [values[stream.groups // WEEK == week] for week in range(LENGTH // WEEK)]
    return streams.extract(stream.reference), weeks


def _measure_changes(population: Population, python: Path) -> dict[str, Any]:
    """Of each change and method: alarms before it, the share detected, and the median delay in groups."""
    rows: dict[str, Any] = {}
    for change in CHANGES:
        streams = list(changed_streams(population, change, CHANGED))
        rows[change] = {method: _delays(each) for method, each in _alarms(streams, python, WEEKLY).items()}
        rows[change]["groups"] = len(streams[0].observations) - QUIET
        print(f"  {change}: {rows[change]}", flush=True)
    return rows


def _delays(alarms: list[list[int]]) -> dict[str, Any]:
    first = [min(each, default=None) for each in alarms]
    early = sum(at is not None and at <= QUIET for at in first)
    delays = [float("inf") if at is None else at - QUIET for at in first if at is None or at > QUIET]
    median = statistics.median(delays) if delays else None
    return {
        "streams": len(alarms),
        "early": early,
        "detected": float(np.isfinite(delays).sum()) / max(1, len(delays)),
        "median": median if median is None or np.isfinite(median) else None,
    }


def _shift(stream: Observations, name: str, quiet: int, sd: float) -> Observations:
    """From a group on, one stream of simulated values is shifted."""
    late = (np.arange(len(stream)) >= quiet) * sd
    values = {slot: np.array(getattr(stream, slot)) for slot in Observations.__slots__}
    if name == "brightness":
        values["brightness"] += late
    else:
        values["embedding"][:, 0] += late
    return Observations(**values)


def _measure_references() -> list[dict[str, Any]]:
    """The median delay for references of several sizes: what joins the pool dilutes the change."""
    rows = []
    for size, quiet, name, sd in itertools.product(
        REFERENCES, (0, 100), ("brightness", "one projection"), (0.5, 1.0)
    ):
        paths = []
        for seed in range(CHANGED):
            stream = simulated_stream(np.random.default_rng(seed), size, quiet + 300)
            paths.append(
                _evidence(Stream(stream.reference, _shift(stream.observations, name, quiet, sd)), seed)
            )
        row: dict[str, Any] = {"reference": size, "quiet": quiet, "stream": name, "sd": sd}
        for every in (EVERY, 10 * EVERY):
            first = [np.flatnonzero(path[quiet:] >= every)[:1] + 1 for path in paths]
            median = statistics.median(float(at[0]) if len(at) else float("inf") for at in first)
            row[f"N = {every}"] = median if np.isfinite(median) else None
        rows.append(row)
        print(f"  {row}", flush=True)
    return rows


def _measure_long() -> dict[str, Any]:
    """Quiet streams of 5,000 groups: alarms, and groups watched for each alarm."""
    watched: dict[int, list[tuple[int, bool]]] = {EVERY: [], 10 * EVERY: []}
    for seed in range(LONG):
        path = _evidence(simulated_stream(np.random.default_rng(50_000 + seed), 200, LONG_LENGTH), seed)
        for every, rows in watched.items():
            alarms = np.flatnonzero(path >= every)
            rows.append((int(alarms[0]) + 1, True) if len(alarms) else (LONG_LENGTH, False))
    figures = {
        f"N = {every}": {
            "streams": LONG, "groups": LONG_LENGTH, "alarms": sum(alarm for _, alarm in each),
            "groups for each alarm": sum(at for at, _ in each) / max(1, sum(alarm for _, alarm in each)),
        }
        for every, each in watched.items()
    }  # fmt: skip
    print(f"  {figures}", flush=True)
    return figures


def _measure_updates() -> dict[str, float]:
    """Mean time of an update, first and after 100,000 groups, of 13 and of 43 streams."""
    return {
        f"{streams} streams, {when}": seconds
        for streams, classes in ((13, 2), (43, 32))
        for when, seconds in _time_updates(classes).items()
    }


def _time_updates(classes: int) -> dict[str, float]:
    random = np.random.default_rng(0)

    def draw(groups: int) -> Observations:
        outputs = random.dirichlet(np.ones(classes), groups)
        confidence, brightness, sharpness = random.normal(size=(3, groups))
        return Observations(confidence, brightness, sharpness, random.normal(size=(groups, 8)), outputs)

    detector = DriftDetector(draw(200), 1e9)
    observations, seconds = draw(100_000), []
    for row in range(100_000):
        observation = observations.select(np.array([row]))
        start = time.perf_counter()
        detector.update(observation)
        seconds.append(time.perf_counter() - start)
    return {
        "first 1,000 groups": statistics.mean(seconds[:1_000]),
        "after 99,000": statistics.mean(seconds[-1_000:]),
    }
