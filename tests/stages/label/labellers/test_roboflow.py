"""Roboflow's inference protocol: classes in both forms, outlines, masks, and the key."""

import base64
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset.labels import Label, append
from pupila.core.errors import PupilaError
from pupila.imaging.images.decode import decode
from pupila.stages.label.run import Labelled
from tests.pictures import encoded, write_photo, write_scenes
from tests.stages.label.requests import KEY, shop, targets, told

Answer = tuple[int, Any]


@dataclass
class Server:
    """Answers every picture (H, W, 3) as it is told."""

    answer: Callable[[Any], Answer]
    url: str = ""
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[Any], Answer]) -> Iterator[Server]:
    told = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            picture = decode(base64.b64decode(self.rfile.read(int(self.headers["Content-Length"]))))
            told.paths.append(self.path)
            told.keys.append(self.headers["Authorization"])
            status, content = told.answer(picture)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(server: Server, folder: Path, **changes: Any) -> Labelled:
    return pupila.label(folder, with_="roboflow:land/3", base_url=server.url, retries=0, **changes)


def listed(confidence: float = 0.9) -> Answer:
    return 200, {
        "top": "cat", "confidence": confidence,
        "predictions": [{"class": "dog", "class_id": 1, "confidence": 1 - confidence},
                        {"class": "cat", "class_id": 0, "confidence": confidence}],
    }  # fmt: skip


def by_name(confidence: float = 0.9) -> Answer:
    return 200, {
        "predicted_classes": ["cat"],
        "predictions": {"cat": {"confidence": confidence}, "dog": {"confidence": 0.2}},
    }


@pytest.mark.parametrize("answer", [listed(), by_name(), (200, [listed()[1]])])
def test_the_surest_class_is_the_label_in_either_form(tmp_path: Path, answer: Answer) -> None:
    folder = shop(tmp_path / "shop", 3)
    with serving(lambda picture: answer) as server:
        done = ask(server, folder)
        assert ask(server, folder).chosen.before == 3
    assert (done.classes, server.paths) == ({"cat": 3}, ["/land/3"] * 3)
    row = told(folder).row(0, named=True)
    assert (row["labeller"], row["target"], row["confidence"]) == ("roboflow:land/3", "cat", 0.9)


def test_what_is_too_unsure_or_none_of_the_classes_is_no_label(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 2)
    with serving(lambda picture: by_name(0.4)) as server:
        assert ask(server, folder).below == 2
        server.answer = lambda picture: listed()
        done = ask(server, folder, classes=["dog", "cow"])
    assert done.failed[0] == ("00.png", "cat is none of dog, cow")
    assert told(folder).is_empty()


def outline(name: str, confidence: float, *corners: tuple[float, float]) -> dict[str, Any]:
    points = [{"x": x, "y": y} for x, y in corners]
    return {
        "class": name,
        "confidence": confidence,
        "points": points,
        "x": 1,
        "y": 1,
        "width": 1,
        "height": 1,
    }


def test_outlines_are_drawn_at_the_size_of_the_image_the_surest_on_top(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    write_photo(folder / "a.png", 1, 80, 40)  # sent as 40 x 20
    field_ = outline("field", 0.7, (0, 0), (20, 0), (20, 20), (0, 20))  # the left half
    lake = outline("lake", 0.9, (10, 5), (30, 5), (30, 15), (10, 15))  # over it and beyond
    doubtful = outline("field", 0.3, (30, 0), (40, 0), (40, 20), (30, 20))

    def answer(picture: Any) -> Answer:
        height, width = picture.shape[:2]
        return 200, {"image": {"width": width, "height": height}, "predictions": [lake, field_, doubtful]}

    with serving(answer) as server:
        done = ask(server, folder, side=40, classes=["field", "lake"])
    assert done.classes == {"background": 1, "field": 1, "lake": 1}
    expected = np.zeros((40, 80), np.uint8)
    expected[:, :40] = 1
    expected[10:30, 20:60] = 2
    data = pupila.open(folder)
    assert data.classes == ["background", "field", "lake"]
    assert (data.mask(0) == expected).all()
    row = told(folder).row(0, named=True)
    assert (row["target"], row["confidence"]) == ("masks/a.png", pytest.approx(0.8))


NOTHING: Answer = 200, {"image": {"width": 1, "height": 1}, "predictions": []}


def test_a_picture_without_outlines_is_all_background_once_it_is_clear_that_the_model_draws(
    tmp_path: Path,
) -> None:
    folder = shop(tmp_path / "shop", 3)
    lake = outline("lake", 0.9, (0, 0), (1, 0), (1, 1))
    answers = iter([NOTHING, (200, {**NOTHING[1], "predictions": [lake]}), NOTHING, NOTHING])
    with serving(lambda picture: next(answers)) as server:
        done = ask(server, folder, workers=1, classes=["lake"])
        assert (done.below, done.classes) == (1, {"background": 2, "lake": 1})
        done = ask(server, folder)
    assert (done.chosen.before, done.classes) == (2, {"background": 1})  # the first is asked again
    assert not pupila.open(folder).mask(0).any()


def test_a_model_of_classes_that_finds_nothing_goes_on(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 3)
    answers = iter([NOTHING, (200, {"predictions": [], "top": ""}), listed()])
    with serving(lambda picture: next(answers)) as server:
        done = ask(server, folder, workers=1)
    assert (done.below, done.classes, done.failed) == (2, {"cat": 1}, [])


@pytest.mark.parametrize("nested", [True, False])
def test_masks_of_numbers_become_masks_of_ours(tmp_path: Path, nested: bool) -> None:
    folder = tmp_path / "shop"
    write_photo(folder / "a.png", 1, 80, 40)
    numbers = np.zeros((20, 40), np.uint8)  # as small as the picture that was sent
    numbers[:, 30:] = 7
    said = {
        "segmentation_mask": base64.b64encode(encoded(numbers)).decode(),
        "class_map": {"0": "background", "7": "lake", "9": "forest"},
    }
    with serving(lambda picture: (200, {"predictions": said} if nested else said)) as server:
        done = ask(server, folder, side=40, classes=["background", "forest", "lake"])
    assert done.labelled == 1
    expected = np.zeros((40, 80), np.uint8)
    expected[:, 60:] = 2
    assert (pupila.open(folder).mask(0) == expected).all()


def test_the_datas_own_classes_and_masks_stay(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "shop", 3)
    (folder / "masks/001.png").unlink()
    before = {path.name: path.read_bytes() for path in (folder / "masks").iterdir()}
    pond = outline("foreground", 0.9, (0, 0), (48, 0), (48, 72), (0, 72))
    with serving(
        lambda picture: (200, {"image": {"width": 96, "height": 72}, "predictions": [pond]})
    ) as server:
        done = ask(server, folder)
        assert (done.labelled, done.chosen.given, len(server.paths)) == (1, 2, 1)
        assert ask(server, folder, everything=True).kept == 2
    assert {name: (folder / "masks" / name).read_bytes() for name in before} == before
    data = pupila.open(folder)
    assert data.classes == ["background", "foreground"]
    assert (data.mask(1)[:, :48] == 1).all() and not data.mask(1)[:, 48:].any()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            {
                "image": {"width": 1, "height": 1},
                "predictions": [outline("lake", 0.9, (0, 0), (1, 0), (1, 1))],
            },
            "their classes were not said",
        ),
        (
            {"predictions": [{"class": "a", "confidence": 1, "x": 1, "y": 1, "width": 3, "height": 3}]},
            "answers with boxes",
        ),
    ],
)
def test_what_no_picture_would_escape_ends_the_run(tmp_path: Path, content: object, says: str) -> None:
    folder = shop(tmp_path / "shop", 5)
    with serving(lambda picture: (200, content)) as server, pytest.raises(PupilaError, match=says):
        ask(server, folder)
    assert len(server.paths) == 1


@pytest.mark.parametrize("content", [3, {"predictions": 3}, {"predictions": [{"points": 1}]}, {"predictions": {}}, {},
                                     {"predictions": {"segmentation_mask": "AAAA", "class_map": {}}}])  # fmt: skip
def test_an_answer_that_can_not_be_read_is_told_and_the_rest_goes_on(tmp_path: Path, content: object) -> None:
    folder = shop(tmp_path / "shop", 3)
    replies = iter([(200, content), listed(), listed()])
    with serving(lambda picture: next(replies)) as server:
        done = ask(server, folder, workers=1, classes=["cat", "dog"])
    assert (done.labelled, len(done.failed)) == (2, 1)
    assert "can't be read" in done.failed[0][1]


def test_the_key_travels_in_a_header_and_stands_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("ROBOFLOW_API_KEY", KEY)
    folder = shop(tmp_path / "shop", 2)
    with serving(lambda picture: listed()) as server:
        ask(server, folder)
        assert set(server.keys) == {f"Bearer {KEY}"}
        (folder / "labels.parquet").unlink()
        server.answer = lambda picture: (401, {"message": f"bad key {KEY}"})
        with pytest.raises(PupilaError, match=r"refused the key: found HTTP 401: bad key \*\*\*"):
            ask(server, folder)
    assert KEY not in caplog.text + "".join(server.paths)
    monkeypatch.delenv("ROBOFLOW_API_KEY")
    with pytest.raises(PupilaError, match="export ROBOFLOW_API_KEY"):
        pupila.label(folder, with_="roboflow:land/3")
    assert targets(folder)["00.png"] is None


def test_a_mask_that_was_deleted_is_drawn_anew_unless_a_person_rejected_it(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "shop", 4)
    for name in ("001", "002"):
        (folder / f"masks/{name}.png").unlink()
    pond = outline("foreground", 0.9, (0, 0), (48, 0), (48, 72), (0, 72))
    answer = {"image": {"width": 96, "height": 72}, "predictions": [pond]}
    with serving(lambda picture: (200, answer)) as server:
        assert ask(server, folder).labelled == 2
        data = pupila.open(folder)
        assert data.images["given_target"].is_null().to_list() == [False, True, True, False]
        assert ask(server, folder).chosen.before == 2
        image, digest = data.images.select("image", "sha256").row(1)
        append(data.home, [
            Label(image, digest, "person:ana", True, None, "2099-01-01T00:00:00Z", note="audit: rejected")
        ])  # fmt: skip
        for name in ("001", "002"):
            (folder / f"masks/{name}.png").unlink()
        done = ask(server, folder)
    assert (done.labelled, done.chosen.by_person) == (1, 1)
    assert pupila.open(folder).images["target"].is_null().to_list() == [False, True, False, False]
