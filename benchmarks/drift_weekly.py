"""What is run every week elsewhere: a Kolmogorov-Smirnov test of each stream, and Evidently's tests as they come."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from benchmarks.drift_streams import Stream
from pupila.statistics.drift.streams import choose_streams

Array = NDArray[Any]

WEEK = 50  # groups
SIGNIFICANT = 0.05
_SCRIPT = Path(__file__).parent / "evidently_weekly.py"
_REQUIREMENTS = ("evidently==0.7.23", "pandas<3")  # it does not import with pandas 3
METHODS = ("Evidently, share of columns", "Evidently, any column", "weekly KS", "weekly KS, Bonferroni")


def weekly_alarms(streams: Sequence[Stream], python: Path, evidently: int) -> dict[str, list[list[int]]]:
    """The weeks, from 0, with an alarm, of each stream by each method; by Evidently's of the first ones only."""
    pairs = [weekly_values(stream) for stream in streams]
    with tempfile.TemporaryDirectory() as folder:
        first = pairs[:evidently]
        arrays: dict[str, Any] = {f"reference {n}": reference for n, (reference, _) in enumerate(first)}
        arrays |= {f"weeks {n}": np.array(weeks) for n, (_, weeks) in enumerate(first)}
        np.savez(Path(folder, "streams.npz"), **arrays)
        environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run([str(python), str(_SCRIPT), folder], check=True, env=environment)
        drifted = json.loads(Path(folder, "drifted.json").read_text())  # of each week: columns, of how many
    return {
        METHODS[0]: [
            [week for week, (some, columns) in enumerate(each) if some >= columns / 2] for each in drifted
        ],
        METHODS[1]: [[week for week, (some, _) in enumerate(each) if some] for each in drifted],
        **run_ks(pairs),
    }


def run_ks(pairs: Sequence[tuple[Array, list[Array]]]) -> dict[str, list[list[int]]]:
    """The same by the test alone, for the values (N, S) of references and of weeks."""
    plain, corrected = [], []
    for reference, weeks in pairs:
        known = ~np.isnan(reference).all(axis=0)  # what the reference does not know can't be tested
        least = [
            min(
                ks_2samp(*columns).pvalue
                for columns in zip(reference[:, known].T, week[:, known].T, strict=True)
            )
            for week in weeks
        ]
        plain.append([week for week, p in enumerate(least) if p < SIGNIFICANT])
        corrected.append([week for week, p in enumerate(least) if p < SIGNIFICANT / known.sum()])
    return {METHODS[2]: plain, METHODS[3]: corrected}


def weekly_values(stream: Stream) -> tuple[Array, list[Array]]:
    """The values (N, S) of the reference, and of each whole week."""
    streams = choose_streams(stream.reference)
    values = streams.extract(stream.observations)
    weeks = [values[at : at + WEEK] for at in range(0, len(values) - WEEK + 1, WEEK)]
    return streams.extract(stream.reference), weeks


def evidently_python(folder: Path) -> Path:
    """The interpreter of an environment with Evidently, made where it is not there."""
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *_REQUIREMENTS], check=True)
    return python
