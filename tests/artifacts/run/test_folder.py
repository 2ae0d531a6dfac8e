"""A run's folder: what is written is read back, and missing parts are reported."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import pupila
from pupila.artifacts.run.folder import (
    Run,
    checkpoint_file,
    example_file,
    is_run,
    read_run,
    remove_training_state,
    write_out_of_fold,
    write_report,
)
from pupila.artifacts.run.log import EpochLog, write_log
from pupila.artifacts.run.out_of_fold import decode_mask
from pupila.artifacts.run.plan import PLAN_SCHEMA
from pupila.core.errors import PupilaError
from pupila.imaging.masks.codec import encode_palette_png, encode_png
from tests.colours import write_colours
from tests.pictures import write_scenes


def log_line(phase: str) -> EpochLog:
    return EpochLog(part=phase, phase=phase, epoch=1, train_loss=0.5, score=0.5, lr=0.1, seconds=1.0)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    lines = [log_line("head"), log_line("finetune")]
    table = pl.DataFrame({"image": ["a.jpg"], "sha256": ["0" * 64]})
    folder = str(tmp_path)
    write_log(folder, lines)
    write_out_of_fold(folder, table)
    assert write_report(folder, "<p>\u00e9</p>") == f"{folder}/report.html"
    bundle = write_colours(tmp_path / "bundle")
    run = read_run(tmp_path)
    assert run.log == lines
    assert run.out_of_fold.equals(table)
    assert run.bundle.hash == bundle.hash
    assert run.name == tmp_path.name
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "<p>\u00e9</p>"


def test_each_file_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("no JSON")
    run = read_run(tmp_path)
    assert run.log == []
    assert not run.has_out_of_fold
    with pytest.raises(PupilaError, match="Can't read"):
        _ = run.plan


def test_a_plan_of_an_older_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({"schema": PLAN_SCHEMA - 1}))
    with pytest.raises(PupilaError, match=rf"another version.*schema {PLAN_SCHEMA - 1}"):
        _ = read_run(tmp_path).plan


@pytest.mark.parametrize("name", ["plan.json", "oof.parquet", "bundle/bundle.json"])
def test_one_file_of_a_run_makes_a_run(tmp_path: Path, name: str) -> None:
    (tmp_path / "bundle").mkdir()
    assert not is_run(str(tmp_path))
    (tmp_path / name).touch()
    assert is_run(str(tmp_path))
    (tmp_path / "bundle.json").touch()
    assert not is_run(str(tmp_path))


def test_missing_parts_are_refused_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(PupilaError, match="No run in"):
        read_run(tmp_path)
    run = Run(str(tmp_path))
    with pytest.raises(PupilaError, match=r"(?s)no out-of-fold predictions.*pupila split DATA --folds 5"):
        _ = run.out_of_fold
    with pytest.raises(PupilaError, match=r"(?s)not finished.*--resume --out"):
        _ = run.bundle


def test_examples_are_read_in_order_and_removed_with_the_checkpoints(tmp_path: Path) -> None:
    folder = str(tmp_path)
    files = [
        example_file(folder, "head", 10),
        example_file(folder, "head", 2),
        checkpoint_file(folder, "head-last"),
    ]
    for number, name in enumerate(files):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(bytes([number]))
    assert list(Run(folder).examples().items()) == [("head-002", b"\x01"), ("head-010", b"\x00")]
    remove_training_state(folder)
    assert Run(folder).examples() == {}
    assert not Path(files[2]).exists()


def test_damaged_out_of_fold_predictions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "oof.parquet"
    write_out_of_fold(str(tmp_path), pl.DataFrame({"image": ["a.jpg"]}))
    with pytest.raises(PupilaError, match=r"oof\.parquet: found image; expected the out-of-fold"):
        _ = Run(str(tmp_path)).out_of_fold
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PupilaError, match=r"oof\.parquet is damaged"):
        _ = Run(str(tmp_path)).out_of_fold


@pytest.mark.parametrize("content", [None, b"", b"x", encode_png(np.zeros((72, 40), np.uint8)),
                                     encode_palette_png(np.full((72, 96), 3, np.uint8), 4)])  # fmt: skip
def test_a_stored_mask_of_another_shape_or_with_other_values_is_refused(
    content: object, tmp_path: Path
) -> None:
    data = pupila.open(write_scenes(tmp_path, 2))
    with pytest.raises(PupilaError, match=r"no usable mask for .*expected a PNG of 96 x 72"):
        decode_mask(content, data, 0)
    half = encode_palette_png(np.eye(36, 48, dtype=np.uint8), 2)  # as runs on smaller images stored them
    assert decode_mask(half, data, 0).shape == (72, 96)
