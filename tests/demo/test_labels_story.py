"""The story of several labels, with few packages and one epoch: from the table to the served labels."""

from pathlib import Path

import pytest

import pupila
from pupila.api.train_options import TrainOptions
from pupila.demo import labels_story
from pupila.demo.octagons import WARNINGS

SETTINGS: TrainOptions = {"model": "lenet", "weights": "none", "image_size": 32, "epochs": 1, "device": "cpu"}


def test_the_story_goes_from_the_table_to_served_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(labels_story, "PRODUCTS", 18)
    monkeypatch.setattr(labels_story, "_SETTINGS", SETTINGS)
    labels_story.labels(str(tmp_path))
    folder, run = tmp_path / "synthetic_octagons", tmp_path / "synthetic_run_octagons"
    data = pupila.open(folder)
    assert data.task is not None
    assert (data.task.name, data.classes) == ("multilabel", sorted(WARNINGS))
    output = capsys.readouterr().out
    steps = [line.split()[2] for line in output.splitlines() if line.startswith("== pupila")]
    assert steps == ["doctor", "split", "explore", "train", "evaluate", "predict", "serve"]
    assert "all on synthetic data" in output
    assert "same as predict" in output
    assert "unlike predict" not in output
    pages = [folder / "explore.html", run / "report.html", run / "evaluation-test/report.html"]
    assert all(page.stat().st_size > 50_000 for page in (pages[0], pages[-1]))
    assert pages[1].read_text().rstrip().endswith("</html>")  # a head fitted at once has no curves to draw
    assert f"Open: {pages[-1]}" in output
