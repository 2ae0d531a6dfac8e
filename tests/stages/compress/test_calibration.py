"""Calibration images that can't be read are counted, and none of them stands in the bundle."""

from pathlib import Path

import pytest

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.report.compression import CompressReport
from pupila.core.errors import PupilaError
from pupila.stages.compress.calibration import CalibrationImages
from pupila.stages.compress.sentences import sentences
from tests.colours import plain, write_colours
from tests.pictures import encoded


def test_an_image_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(encoded(plain(9, 9, 9)))
    bad.write_bytes(b"no image")
    predictor = Predictor(write_colours(tmp_path / "bundle"))
    images = CalibrationImages([str(good), str(bad), str(tmp_path / "absent.png")], ["a", "b", "c"])
    assert len(list(images.inputs(predictor))) == 1
    assert (images.hashes, images.unread) == (["a"], {"b", "c"})
    with pytest.raises(PupilaError, match="No calibration image can be read"):
        list(CalibrationImages([str(bad)], ["b"]).inputs(predictor))


@pytest.mark.parametrize(
    ("unread", "sentence"), [(1, "1 calibration image can't"), (2, "2 calibration images can't")]
)
def test_the_report_says_how_many(unread: int, sentence: str) -> None:
    report = CompressReport(
        parent="x", version="v", bytes=1, latencies=[], metric="", split="validation", images=9, groups=9,
        max_drop=0.01, calibration_images=3, unread_images=unread, cpu_features=[], models=[],
    )  # fmt: skip
    assert any(text.startswith(sentence) for text in sentences(report))
    assert not any(
        "can't be read" in text for text in sentences(report.model_copy(update={"unread_images": 0}))
    )
