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
from pupila.artifacts.dataset.labels import Label, append_labels
from pupila.core.errors import PupilaError
from pupila.imaging.images.decode import decode
from pupila.stages.label.run import LabellingResult
from tests.pictures import encoded, write_photo, write_scenes
from tests.stages.label.requests import KEY, read_rows, shop, targets

Answer = tuple[int, Any]


@dataclass
class Server:
    """Responds to every image (H, W, 3) with the result of a function."""

    answer: Callable[[Any], Answer]
    url: str = ""
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[Any], Answer]) -> Iterator[Server]:
    fake = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            picture = decode(base64.b64decode(self.rfile.read(int(self.headers["Content-Length"]))))
            fake.paths.append(self.path)
            fake.keys.append(self.headers["Authorization"])
            status, content = fake.answer(picture)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(server: Server, folder: Path, **changes: Any) -> LabellingResult:
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


@pytest.mark.parametrize("answer", [listed(), (200, [listed()[1]])])
def test_the_most_probable_class_is_the_label(tmp_path: Path, answer: Answer) -> None:
    folder = shop(tmp_path / "shop", 3)
    with serving(lambda picture: answer) as server:
        result = ask(server, folder)
        assert ask(server, folder).selection.labelled_before == 3
    assert (result.classes, server.paths) == ({"cat": 3}, ["/land/3"] * 3)
    row = read_rows(folder).row(0, named=True)
    assert (row["labeller"], row["target"], row["confidence"]) == ("roboflow:land/3", "cat", 0.9)


def test_classes_by_themselves_become_several_labels_of_unlabelled_data(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 3)
    answers = iter([by_name(0.9), by_name(0.6), (200, {"predictions": {"cat": {"confidence": 0.4}}})])
    with serving(lambda picture: next(answers)) as server:
        result = ask(server, folder, concurrency=1, confidence=0.7)
    assert (result.labelled, result.abstained, result.classes) == (2, 1, {"cat": 1})
    rows = read_rows(folder).select("target", "confidence").rows()
    # cat 0.9 and dog 0.2 are both certain from 0.7 on; of cat 0.6 the first is not.
    assert rows == [('{"cat": 1, "dog": 0}', 0.8), ('{"dog": 0}', 0.8)]


def test_a_model_with_thresholds_of_its_own_decides_and_what_contradicts_it_is_unknown(
    tmp_path: Path,
) -> None:
    folder = shop(tmp_path / "shop", 2)
    given = {"cat": {"confidence": 0.4}, "dog": {"confidence": 0.8}, "hen": {"confidence": 0.1}}
    answer = (200, {"predictions": given, "predicted_classes": ["cat"]})
    with serving(lambda picture: answer) as server:
        result = ask(server, folder, classes=["cat", "dog"])
        assert read_rows(folder).is_empty()  # 0.4 for a class that it decided for, 0.2 against the other
        answer[1]["predicted_classes"] = ["dog"]
        assert ask(server, folder, classes=["cat", "dog"]).classes == {"dog": 2}
        answer[1]["predicted_classes"] = ["cow"]
        (folder / "new.png").write_bytes(encoded(np.zeros((40, 40, 3), np.uint8)))
        assert "predicted_classes" in ask(server, folder).failed[0][1]
    assert result.abstained == 2
    assert set(read_rows(folder)["target"]) == {
        '{"cat": 0, "dog": 1}'
    }  # hen is not allowed, so it stays unknown


def test_data_with_one_class_take_the_most_probable_of_classes_by_themselves(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 2)
    image, digest = pupila.open(folder).images.select("image", "sha256").row(0)
    append_labels(str(folder), [Label(image, digest, "annotator:ana", True, "dog", "2026-01-01")])
    with serving(lambda picture: by_name()) as server:
        assert ask(server, folder).classes == {"cat": 1}
    assert read_rows(folder).row(-1, named=True)["target"] == "cat"


def test_low_confidence_or_an_unknown_class_gives_no_label(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 2)
    with serving(lambda picture: listed(0.4)) as server:
        server.answer = lambda picture: (
            200,
            {"top": "cat", "predictions": [{"class": "cat", "confidence": 0.4}]},
        )
        assert ask(server, folder).abstained == 2
        server.answer = lambda picture: listed()
        result = ask(server, folder, classes=["dog", "cow"])
    assert result.failed[0] == ("00.png", "class 'cat' is not one of dog, cow")
    assert read_rows(folder).is_empty()


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


def test_outlines_are_drawn_at_image_size_with_the_most_confident_on_top(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    write_photo(folder / "a.png", 1, 80, 40)  # sent as 40 x 20
    field_ = outline("field", 0.7, (0, 0), (20, 0), (20, 20), (0, 20))  # the left half
    lake = outline("lake", 0.9, (10, 5), (30, 5), (30, 15), (10, 15))  # over it and beyond
    doubtful = outline("field", 0.3, (30, 0), (40, 0), (40, 20), (30, 20))

    def answer(picture: Any) -> Answer:
        height, width = picture.shape[:2]
        return 200, {"image": {"width": width, "height": height}, "predictions": [lake, field_, doubtful]}

    with serving(answer) as server:
        result = ask(server, folder, max_image_size=40, classes=["field", "lake"])
    assert result.classes == {"background": 1, "field": 1, "lake": 1}
    expected = np.zeros((40, 80), np.uint8)
    expected[:, :40] = 1
    expected[10:30, 20:60] = 2
    data = pupila.open(folder)
    assert data.classes == ["background", "field", "lake"]
    assert (data.mask(0) == expected).all()
    row = read_rows(folder).row(0, named=True)
    assert (row["target"], row["confidence"]) == ("masks/a.png", pytest.approx(0.8))


NOTHING: Answer = 200, {"image": {"width": 1, "height": 1}, "predictions": []}


def test_an_image_without_outlines_is_background_once_the_model_is_known_to_segment(
    tmp_path: Path,
) -> None:
    folder = shop(tmp_path / "shop", 3)
    lake = outline("lake", 0.9, (0, 0), (1, 0), (1, 1))
    answers = iter([NOTHING, (200, {**NOTHING[1], "predictions": [lake]}), NOTHING, NOTHING])
    with serving(lambda picture: next(answers)) as server:
        result = ask(server, folder, concurrency=1, classes=["lake"])
        assert (result.abstained, result.classes) == (1, {"background": 2, "lake": 1})
        result = ask(server, folder)
    assert (result.selection.labelled_before, result.classes) == (
        2,
        {"background": 1},
    )  # the first is asked again
    assert not pupila.open(folder).mask(0).any()


def test_a_classifier_without_detections_abstains(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", 3)
    answers = iter([NOTHING, (200, {"predictions": [], "top": ""}), listed()])
    with serving(lambda picture: next(answers)) as server:
        result = ask(server, folder, concurrency=1)
    assert (result.abstained, result.classes, result.failed) == (2, {"cat": 1}, [])


def test_a_classifier_can_not_label_data_with_masks(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "shop", 3)
    (folder / "masks/001.png").unlink()
    for answer in (listed(), (200, {"predictions": [], "top": ""})):
        with (
            serving(lambda picture, answer=answer: answer) as server,  # type: ignore[misc]
            pytest.raises(PupilaError, match="The data have masks, but the labels are one class per image"),
        ):
            ask(server, folder)


def test_nothing_detected_is_background_where_the_data_have_masks(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "shop", 3)
    (folder / "masks/001.png").unlink()
    with serving(lambda picture: (200, {"predictions": []})) as server:
        assert ask(server, folder).classes == {"background": 1}
    assert not pupila.open(folder).mask(1).any()


@pytest.mark.parametrize("nested", [True, False])
def test_masks_of_class_numbers_are_mapped_to_the_classes(tmp_path: Path, nested: bool) -> None:
    folder = tmp_path / "shop"
    write_photo(folder / "a.png", 1, 80, 40)
    numbers = np.zeros((20, 40), np.uint8)  # as small as the picture that was sent
    numbers[:, 30:] = 7
    prediction = {
        "segmentation_mask": base64.b64encode(encoded(numbers)).decode(),
        "class_map": {"0": "background", "7": "lake", "9": "forest"},
    }
    with serving(lambda picture: (200, {"predictions": prediction} if nested else prediction)) as server:
        result = ask(server, folder, max_image_size=40, classes=["background", "forest", "lake"])
    assert result.labelled == 1
    expected = np.zeros((40, 80), np.uint8)
    expected[:, 60:] = 2
    assert (pupila.open(folder).mask(0) == expected).all()


def test_classes_and_masks_of_the_data_stay(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "shop", 3)
    (folder / "masks/001.png").unlink()
    before = {path.name: path.read_bytes() for path in (folder / "masks").iterdir()}
    pond = outline("foreground", 0.9, (0, 0), (48, 0), (48, 72), (0, 72))
    with serving(
        lambda picture: (200, {"image": {"width": 96, "height": 72}, "predictions": [pond]})
    ) as server:
        result = ask(server, folder)
        assert (result.labelled, result.selection.given, len(server.paths)) == (1, 2, 1)
        assert ask(server, folder, everything=True).has_mask == 2
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
            "their class names are unknown",
        ),
        (
            {"predictions": [{"class": "a", "confidence": 1, "x": 1, "y": 1, "width": 3, "height": 3}]},
            "predicts boxes",
        ),
    ],
)
def test_an_error_that_holds_for_all_images_ends_the_run(tmp_path: Path, content: object, says: str) -> None:
    folder = shop(tmp_path / "shop", 5)
    with serving(lambda picture: (200, content)) as server, pytest.raises(PupilaError, match=says):
        ask(server, folder)
    assert len(server.paths) == 1


@pytest.mark.parametrize("content", [3, {"predictions": 3}, {"predictions": [{"points": 1}]}, {"predictions": {}}, {},
                                     {"predictions": {"segmentation_mask": "AAAA", "class_map": {}}}])  # fmt: skip
def test_an_unreadable_response_is_reported_and_the_run_continues(tmp_path: Path, content: object) -> None:
    folder = shop(tmp_path / "shop", 3)
    replies = iter([(200, content), listed(), listed()])
    with serving(lambda picture: next(replies)) as server:
        result = ask(server, folder, concurrency=1, classes=["cat", "dog"])
    assert (result.labelled, len(result.failed)) == (2, 1)
    assert "can't be read" in result.failed[0][1]


def test_the_key_is_sent_in_a_header_and_stored_nowhere(
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
        with pytest.raises(PupilaError, match=r"rejected the API key: found HTTP 401: bad key \*\*\*"):
            ask(server, folder)
    assert KEY not in caplog.text + "".join(server.paths)
    monkeypatch.delenv("ROBOFLOW_API_KEY")
    with pytest.raises(PupilaError, match="export ROBOFLOW_API_KEY"):
        pupila.label(folder, with_="roboflow:land/3")
    assert targets(folder)["00.png"] is None


def test_a_deleted_mask_is_predicted_again_unless_it_was_rejected(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "shop", 4)
    for name in ("001", "002"):
        (folder / f"masks/{name}.png").unlink()
    pond = outline("foreground", 0.9, (0, 0), (48, 0), (48, 72), (0, 72))
    answer = {"image": {"width": 96, "height": 72}, "predictions": [pond]}
    with serving(lambda picture: (200, answer)) as server:
        assert ask(server, folder).labelled == 2
        data = pupila.open(folder)
        assert data.images["given_target"].is_null().to_list() == [False, True, True, False]
        assert ask(server, folder).selection.labelled_before == 2
        image, digest = data.images.select("image", "sha256").row(1)
        append_labels(data.home, [
            Label(image, digest, "annotator:ana", True, None, "2099-01-01T00:00:00Z", note="audit: rejected")
        ])  # fmt: skip
        for name in ("001", "002"):
            (folder / f"masks/{name}.png").unlink()
        result = ask(server, folder)
    assert (result.labelled, result.selection.by_annotator) == (1, 1)
    assert pupila.open(folder).images["target"].is_null().to_list() == [False, True, False, False]
