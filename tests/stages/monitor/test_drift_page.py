"""The page of `pupila monitor`: estimates after a warning, stored images only, and values that no service writes."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.reference import PROJECTIONS
from pupila.artifacts.report.drift import StreamChange
from pupila.stages.monitor.page import drop_mirrored
from pupila.statistics.estimate import Estimate
from tests.colours import CLASSES
from tests.pictures import encoded
from tests.stages.monitor.logs import (
    NONE,
    Change,
    draw,
    make_records,
    write_changed,
    write_log,
    write_monitored,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_monitored(tmp_path_factory.mktemp("shop") / "bundle")


def read_text(page: str) -> str:
    """The texts of a page without its style and charts."""
    html = re.sub(r"<(svg|style).*?</\1>", "", Path(page).read_text(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


@pytest.mark.parametrize(("change", "is_warned"), [
    (Change(brightness=-2.0), True), (Change(sharpness=2.0), True), (Change(embedding={1: 2.0}), True),
    (Change(confidence=8.0), False), (NONE, False),
])  # fmt: skip
def test_estimates_come_last_and_after_a_warning_where_the_images_have_changed(
    bundle: Bundle, tmp_path: Path, change: Change, is_warned: bool
) -> None:
    log = write_changed(tmp_path, bundle.hash, 60, 60, change)
    result = pupila.monitor(log, bundle, out=tmp_path / "drift")
    *firsts, last = result.sentences()
    assert last.startswith("Estimated accuracy without labels:")
    assert firsts[-1].startswith("The images have changed, so that this estimate can be far off") == is_warned
    is_alarm = result.alarm is not None
    command = "Next, review some of the images: pupila label queue DATA --from LOG --bundle BUNDLE"
    assert (command in firsts[:3]) == is_alarm == (change is not NONE)
    html, text = Path(result.page).read_text(), read_text(result.page)
    assert ('class="verdict alarm"' in html) == is_alarm
    head, _, rest = text.partition("Evidence over time")
    assert "without labels" not in head and (command in head) == is_alarm
    shares, _, accuracy = rest.partition("Class shares")[2].partition("Accuracy without labels")
    for part, figure in ((shares, "95 % CI"), (accuracy, "95 % CI")):
        place = part.find("can be far off")
        assert (place >= 0) == is_warned and place < part.find(figure)


def test_a_share_of_nothing_has_an_interval(bundle: Bundle, tmp_path: Path) -> None:
    own = draw(100, 1)
    certain = replace(own, outputs=np.tile([1.0, 0.0, 0.0], (100, 1)))
    report = pupila.monitor(write_log(tmp_path, make_records(bundle.hash, certain)), bundle).report
    shares = {row.name: row.estimated for row in report.classes}
    # Wilson's interval of 0 of 100: 0 to z^2 / (100 + z^2) = 3.84 / 103.84.
    assert shares["green"].low == 0 and shares["green"].high == pytest.approx(0.037, abs=5e-4)
    assert shares["red"].high == 1 and shares["red"].low == pytest.approx(0.963, abs=5e-4)


def test_times_within_a_minute_have_seconds_and_the_last_one_is_of_any_image(
    bundle: Bundle, tmp_path: Path
) -> None:
    records = [
        record.model_copy(update={"time": f"2026-11-01T10:00:{place:02}+00:00"})
        for place, record in enumerate(make_records(bundle.hash, draw(20, 1)))
    ]
    again = records[3].model_copy(update={"group": "", "time": "2026-11-01T10:00:50+00:00"})
    single = again.model_copy(update={"time": "2026-11-01T10:00:20+00:00"})
    result = pupila.monitor(write_log(tmp_path, [*records, single, again]), bundle)
    assert "2026-11-01 10:00:00 UTC to 2026-11-01 10:00:50 UTC" in result.sentences()[0]
    assert (result.report.counts.repeated_images, result.report.counts.late_images) == (1, 0)


@pytest.mark.parametrize(("task", "drawn"), [("classify", 1), ("multilabel", 2)])
def test_of_two_mirrored_classes_one_is_drawn(task: str, drawn: int) -> None:
    means = [0.3, 0.7] if task == "classify" else [0.3, 0.6]
    outputs = [
        StreamChange(name=f"outputs {place}", title="class", changed=True, evidence=1, baseline="reference",
                     reference=0.5, stream=mean, shift=Estimate(value=None), edges=[0, 1], reference_shares=[1],
                     stream_shares=[1])
        for place, mean in enumerate(means)
    ]  # fmt: skip
    assert len(drop_mirrored(outputs)) == drawn


@pytest.mark.filterwarnings("error")
def test_values_that_no_service_writes_are_limited(bundle: Bundle, tmp_path: Path) -> None:
    records = make_records(bundle.hash, draw(60, 1))
    for place, record in enumerate(records[30:]):
        huge = 1e308 if place % 2 else -1e308
        own = {"brightness": huge, "sharpness": huge, "confidence": huge, "embedding": [huge] * PROJECTIONS}
        records[30 + place] = record.model_copy(update={**own, "outputs": dict.fromkeys(CLASSES, huge)})
    result = pupila.monitor(write_log(tmp_path, records), bundle, out=tmp_path / "drift")
    assert result.alarm is not None
    stored = (tmp_path / "drift" / "drift.json").read_text()
    assert not re.search(r"NaN|Infinity|inf", stored.replace('"classes"', ""))


def test_a_page_holds_no_file_but_the_stored_images(bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    records = make_records(bundle.hash, draw(60, 1)) + make_records(
        bundle.hash, draw(20, 2, Change(brightness=-4.0)), 60
    )
    (folder / "images").mkdir(parents=True)
    honest, secret = encoded(np.zeros((9, 9, 3), np.uint8)), encoded(np.full((9, 9, 3), 255, np.uint8))
    (folder / "images" / "honest.png").write_bytes(honest)
    (folder / "beside.png").write_bytes(secret)
    (tmp_path / "secret.png").write_bytes(secret)
    (folder / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "images" / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "images" / "pipe.png")
    names = ["images/link.png", "images/up/secret.png", "images/pipe.png", "images", "beside.png", "\0",
             "../secret.png", str(tmp_path / "secret.png"), "images/" + "a" * 5000 + ".png"]  # fmt: skip
    for place in range(60, 80):
        file = names[place % 10] if place % 10 < len(names) else "images/honest.png"
        records[place] = records[place].model_copy(update={"file": file})
    result = pupila.monitor(write_log(folder, records), bundle, out=tmp_path / "drift")
    files = {image.file for image in result.report.unlike}
    assert len(files) >= 8 and "images/honest.png" in files
    page = Path(result.page).read_text()
    assert 1 <= page.count("<img") == sum(image.file == "images/honest.png" for image in result.report.unlike)
