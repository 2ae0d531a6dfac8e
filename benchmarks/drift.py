"""False alarms and delays of the drift detector, beside Evidently's tests and a weekly Kolmogorov-Smirnov test."""

import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.drift_alarms import EVERY, PUPILA, all_alarms, evidence
from benchmarks.drift_images import CHANGES as ALL_CHANGES
from benchmarks.drift_images import Population, observe_populations
from benchmarks.drift_quiet import measure_quiet
from benchmarks.drift_streams import LENGTH, QUIET, SHIFTS, Stream, changed_streams, simulated_stream
from benchmarks.drift_table import write_tables
from benchmarks.drift_weekly import evidently_python
from benchmarks.measure import real_data, real_weights, trained_bundle
from pupila.statistics.drift.detector import DriftDetector
from pupila.statistics.drift.observations import Observations

_RECORDED = Path(__file__).parent / "results/drift.json"
CHANGED, WEEKLY = 100, 20  # streams of each change; those of them that are tested weekly
LONG, LONG_LENGTH = 100, 5_000
REFERENCES = (50, 200, 1_000)
CHANGES = ("camera", "darker", "brighter", "share of classes", *SHIFTS)
PARTS = ("seconds of an update", "reference sizes", "long", "quiet", "changes")


def run() -> dict[str, Any]:
    """The acceptance table; of `DRIFT_PARTS` only where the environment names some, the others as recorded."""
    photos, weights = real_data("ants_bees"), real_weights("mobilenetv2_100.safetensors")
    if photos is None or weights is None:
        return {}
    parts = os.environ.get("DRIFT_PARTS", ",".join(PARTS)).split(",")
    changes = ALL_CHANGES if "changes" in parts else ALL_CHANGES[:1]
    return measure(observe_populations(trained_bundle(photos, weights), changes), parts)


def measure(populations: dict[str, Population], parts: Sequence[str] = PARTS) -> dict[str, Any]:
    """All figures for the populations and for simulated groups, those of other parts as recorded."""
    with tempfile.TemporaryDirectory() as folder:
        python = evidently_python(Path(os.environ.get("EVIDENTLY_ENVIRONMENT", folder)))
        measures: dict[str, Callable[[], Any]] = {
            "seconds of an update": _measure_updates,
            "reference sizes": _measure_references,
            "long": _measure_long,
            "quiet": lambda: measure_quiet(populations, python),
            "changes": lambda: {name: _measure_changes(each, python) for name, each in populations.items()},
        }
        measured = {part: measures[part]() for part in parts}
    recorded = {} if len(parts) == len(PARTS) else json.loads(_RECORDED.read_text())["figures"]
    figures = {
        "every": EVERY, "length": LENGTH, "changed streams": {PUPILA: CHANGED, "weekly": WEEKLY},
        "recorded earlier": [part for part in PARTS if part not in parts],
        **{part: measured.get(part, recorded.get(part)) for part in PARTS},
    }  # fmt: skip
    write_tables(figures)
    return figures


def _measure_changes(population: Population, python: Path) -> dict[str, Any]:
    """Of each change and method: alarms before it, the share detected, and the median delay in groups."""
    rows: dict[str, Any] = {}
    for change in CHANGES:
        streams = list(changed_streams(population, change, CHANGED))
        alarms = all_alarms(streams, python, WEEKLY, WEEKLY)
        rows[change] = {method: _delays(each) for method, each in alarms.items()}
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
                evidence(Stream(stream.reference, _shift(stream.observations, name, quiet, sd)), seed)
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
        path = evidence(simulated_stream(np.random.default_rng(50_000 + seed), 200, LONG_LENGTH), seed)
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
