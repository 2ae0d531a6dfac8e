"""The story of the loop: its photos and its traffic, and, where there is time, all of it."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.artifacts.predictions.feedback import read_feedback
from pupila.artifacts.predictions.log import read_predictions
from pupila.demo import loop_story
from pupila.demo.loop_shop import Photo, draw_balanced, take_photos, write_photos
from pupila.demo.loop_traffic import correct_predictions, run_load, send_photos
from pupila.imaging.images.decode import decode
from tests.colours import plain, write_colours
from tests.pictures import encoded

SHADES = [Photo(f"p{n}", name, encoded(plain(*rgb))) for n, (name, rgb) in enumerate(
    (("red", (255, 0, 0)), ("green", (0, 255, 0)), ("red", (0, 0, 255)), ("blue", (0, 0, 255)))
)]  # fmt: skip


def test_half_of_the_products_have_octagons_and_the_new_studio_is_darker(tmp_path: Path) -> None:
    products = draw_balanced(12, 1)
    assert [bool(product.octagons) for product in products].count(True) == 6
    assert len({product.number for product in products}) == 12
    old, new = (list(take_photos(products[:2], 2, 1, new_studio=moved)) for moved in (False, True))
    assert [(photo.product, photo.label) for photo in old] == [(photo.product, photo.label) for photo in new]
    for before, after in zip(old, new, strict=True):
        assert np.mean(decode(after.content)) < 0.5 * np.mean(decode(before.content))
    assert old == list(take_photos(products[:2], 2, 1))
    assert write_photos(tmp_path, iter(old)) == 4
    assert len(pupila.open(tmp_path)) == 4


def test_customers_correct_what_is_wrong_and_the_log_has_the_groups(tmp_path: Path) -> None:
    bundle = write_colours(tmp_path / "bundle")
    with (
        pupila.serve(bundle.folder, log_predictions=str(tmp_path / "log")) as service,
        pupila.Client(service.url) as client,
    ):
        assert send_photos(client, SHADES) == 0.75
        assert correct_predictions(client, SHADES, "a customer") == 1
    records = list(read_predictions(tmp_path / "log"))
    assert [record.group for record in records] == ["p0", "p1", "p2", "p3"] * 2
    (statement,) = read_feedback(tmp_path / "log")
    assert (statement.label, statement.correct, statement.who) == ("red", False, "a customer")
    assert statement.request_id == records[6].request_id


def test_a_lost_request_is_counted(tmp_path: Path) -> None:
    bundle = write_colours(tmp_path / "bundle")
    sent = threading.Event()
    with (
        pupila.serve(bundle.folder) as service,
        run_load(service.url, "", [*SHADES, Photo("x", "red", b"no image")]) as load,
    ):
        while not (load.lost and load.versions.total() > 5):
            sent.wait(0.01)
    assert (
        set(load.versions) == {bundle.hash} and "not an image" in load.lost[0] and not load.changed.is_set()
    )


@pytest.mark.slow
def test_the_story_ends_with_a_better_model_and_no_lost_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures: dict[str, Any] = {"TRAINED": 140, "CHANGED": 200, "FRESH": 40}
    for name, value in figures.items():
        monkeypatch.setattr(loop_story, name, value)
    loop_story.loop(str(tmp_path))
    out = capsys.readouterr().out
    assert "No alarm in 50 groups" in out and "Alarm: the images have changed" in out
    assert "Live accuracy of model" in out and "is significantly better than octagons@1" in out
    assert "production: version 1 -> 2, better" in out and ", 0 lost (" in out
    assert "all on synthetic data" in out
