"""TensorBoard: event files are read back with its own reader."""

import math
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.run.log import write_log
from pupila.artifacts.run.plan import RUNNING
from pupila.stages.track.quiet import quiet
from tests.stages.track.runs import (
    START,
    make_lines,
    number_or_none,
    read_log_points,
    write_example,
    write_run,
)


def read_events(folder: Path) -> Any:
    """TensorBoard's own reader, with everything that the folder has."""
    with quiet():
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

        reader = EventAccumulator(
            str(folder), size_guidance=dict.fromkeys(("scalars", "images", "tensors"), 0)
        )
        reader.Reload()
    return reader


def read_scalars(folder: Path) -> dict[str, list[tuple[int, Any]]]:
    reader = read_events(folder)
    return {
        tag: [(event.step, number_or_none(event.value)) for event in reader.Scalars(tag)]
        for tag in reader.Tags()["scalars"]
    }


def rounded(points: dict[str, list[tuple[int, float | None]]]) -> Any:
    """As float32, which is what TensorBoard stores."""
    return {tag: [(step, value if value is None else pytest.approx(value, rel=1e-6)) for step, value in rows]
            for tag, rows in points.items()}  # fmt: skip


def test_curves_settings_results_and_examples_are_read_back(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", make_lines(3) + make_lines(2, "finetune"))
    example = write_example(folder, "head", 2)
    result = pupila.track(folder, to=f"tensorboard:{tmp_path}/tb")
    assert result.hint == f"tensorboard --logdir {tmp_path}/tb"
    reader = read_events(tmp_path / "tb/shop/run")
    scalars = read_scalars(tmp_path / "tb/shop/run")
    curves = {tag: rows for tag, rows in scalars.items() if not tag.startswith(("validation/", "baseline/"))}
    assert curves == rounded(read_log_points(folder))
    assert scalars["validation/accuracy_low"] == [(5, pytest.approx(0.8))]
    (image,) = reader.Images("head/examples")
    assert (image.encoded_image_string, image.width, image.height, image.step) == (example, 12, 8, 2)
    assert reader.Scalars("head/train_loss")[1].wall_time == pytest.approx(START + 3.0)
    text = reader.Tensors("tags")[0].tensor_proto.string_val[0].decode()
    assert "| pupila.task | classify |" in text


def test_the_page_of_settings_shows_them(tmp_path: Path) -> None:
    pupila.track(write_run(tmp_path / "run"), to=f"tensorboard:{tmp_path}/tb")
    from tensorboard.plugins.hparams import metadata  # type: ignore[import-untyped]

    about = read_events(tmp_path / "tb/shop/run").summary_metadata[metadata.SESSION_START_INFO_TAG]
    start = metadata.parse_session_start_info_plugin_data(about.plugin_data.content)
    assert start.hparams["lr"].number_value == pytest.approx(3e-5)
    assert start.hparams["model"].string_value == "lenet" and start.start_time_secs == START


def test_nothing_doubles_and_a_resumed_run_is_continued(tmp_path: Path) -> None:
    to, shown = f"tensorboard:{tmp_path}/tb", tmp_path / "tb/shop/run"
    folder = write_run(tmp_path / "run", make_lines(2), RUNNING)
    first = pupila.track(folder, to=to)
    assert first.notes == ["run has no end, and no process trains it: its 2 epochs were replayed."]
    files = {path: path.stat().st_mtime_ns for path in shown.rglob("*")}
    again = pupila.track([folder, folder], to=to)
    assert [run.change for run in [*first.runs, *again.runs]] == ["new", "unchanged", "unchanged"]
    assert files == {path: path.stat().st_mtime_ns for path in shown.rglob("*")}
    write_log(str(folder), make_lines(4))
    assert [run.change for run in pupila.track(folder, to=to).runs] == ["updated"]
    assert read_scalars(shown)["head/train_loss"] == rounded(read_log_points(folder))["head/train_loss"]
    assert len(list(shown.glob("events*"))) == 1
    write_run(
        folder, make_lines(1), RUNNING, created="2026-05-01T00:00:00+00:00"
    )  # a training that starts over
    assert [run.change for run in pupila.track(folder, to=to).runs] == ["new"]
    assert sorted(path.name for path in shown.parent.iterdir() if path.is_dir()) == ["run", "run-2"]
    assert len(read_scalars(shown)["head/train_loss"]) == 4


def test_a_hundred_folds_have_their_curves(tmp_path: Path) -> None:
    lines = [line for fold in range(100) for line in make_lines(1, f"fold{fold}-head")]
    folder = write_run(tmp_path / "run", lines, RUNNING)
    pupila.track(folder, to=f"tensorboard:{tmp_path}/tb")
    scalars = read_scalars(tmp_path / "tb/shop/run")
    assert len(scalars) == 500 and scalars == rounded(read_log_points(folder))
    assert not any(math.isnan(value or 0) for rows in scalars.values() for _, value in rows)
