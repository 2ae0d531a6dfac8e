"""Evidently's drift tests with their defaults, in an environment of their own: FOLDER.

Reads `streams.npz` with references (N, S) and weeks (W, N, S), writes `drifted.json`: of each week of each stream
how many columns drifted, and how many there are. Its preset draws every column, most of a second a week; the function
that the preset calls for its tests is called here, and compared with the preset for one week.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from evidently import Report
from evidently.legacy.calculations.data_drift import get_drift_for_columns
from evidently.legacy.options.data_drift import DataDriftOptions
from evidently.legacy.pipeline.column_mapping import ColumnMapping
from evidently.legacy.utils.data_operations import process_columns
from evidently.presets import DataDriftPreset

CHECKED = 1  # streams whose first week is compared with the preset


def count_drifted(reference: pd.DataFrame, week: pd.DataFrame) -> tuple[int, int]:
    """Drifted columns, and all."""
    result = get_drift_for_columns(
        current_data=week, reference_data=reference, data_drift_options=DataDriftOptions(),
        dataset_columns=process_columns(reference, ColumnMapping()), agg_data=True,
    )  # fmt: skip
    return result.number_of_drifted_columns, result.number_of_columns


def check(reference: pd.DataFrame, week: pd.DataFrame) -> None:
    """That the preset counts the same."""
    metrics = Report([DataDriftPreset()]).run(week, reference).dict()["metrics"]
    count = next(m["value"]["count"] for m in metrics if m["metric_name"].startswith("DriftedColumnsCount"))
    assert count == count_drifted(reference, week)[0], (count, count_drifted(reference, week))


def main(folder: Path) -> None:
    """All streams of the file."""
    arrays = np.load(folder / "streams.npz")
    drifted = []
    for number in range(len(arrays.files) // 2):
        reference = _frame(arrays[f"reference {number}"])
        weeks = [_frame(week) for week in arrays[f"weeks {number}"]]
        if number < CHECKED:
            check(reference, weeks[0])
        drifted.append([count_drifted(reference, week) for week in weeks])
    (folder / "drifted.json").write_text(json.dumps(drifted))


def _frame(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, columns=[f"column {k}" for k in range(values.shape[1])])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
