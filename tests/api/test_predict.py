"""Predict from Python: every form of an image gets the prediction of its file, and each result shows itself."""

import copy
import http.client
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.api.serve import Service
from pupila.artifacts.bundle.folder import Bundle, read_bundle
from pupila.core.errors import PupilaError
from tests.colours import UP, plain, write_colours, write_labelled, write_painted, write_pointing
from tests.pictures import encoded, write_classes
from tests.stages.predict.test_prompt import scene
from tests.stages.serve.test_service import form, send_request

RED = plain(200, 10, 20)


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_colours(tmp_path_factory.mktemp("bundles") / "colours", scale=10)


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_painted(tmp_path_factory.mktemp("bundles") / "painted", view="resize")


@pytest.fixture(scope="module")
def pointing(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_pointing(tmp_path_factory.mktemp("bundles") / "pointing")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_labelled(tmp_path_factory.mktemp("bundles") / "labelled")


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    path.write_bytes(encoded(RED))
    return path


IMAGES: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "text": str,
    "folder": lambda path: path.parent,
    "pattern": lambda path: f"{path.parent}/*.png",
    "bytes": lambda path: path.read_bytes(),
    "array": lambda path: RED,
    "batch": lambda path: RED[None],
    "Pillow": lambda path: Image.fromarray(RED),
    "Pillow RGBA": lambda path: Image.fromarray(RED).convert("RGBA"),
    "list": lambda path: [path],
    "mixed list": lambda path: (path, RED, path.read_bytes(), Image.fromarray(RED)),
    "Dataset": lambda path: pupila.open(path.parent),
    "Sample": lambda path: pupila.open(path.parent)[0],
    "samples": lambda path: pupila.open(path.parent)[:1],
}


@pytest.mark.parametrize("name", IMAGES)
def test_every_form_of_an_image_has_the_prediction_of_its_file(name: str, colours: Bundle, red: Path) -> None:
    (expected,) = pupila.predict(colours, red)
    predictions = pupila.predict(colours, IMAGES[name](red))
    assert len(predictions) == (4 if name == "mixed list" else 1)
    for prediction in predictions:
        assert prediction.prediction == "red"
        assert prediction.probabilities == expected.probabilities


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "I;16", "P", "F"])
def test_other_modes_of_pillow_are_predicted(mode: str, colours: Bundle) -> None:
    grey = Image.fromarray(RED).convert("L")
    image = (
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    )
    (prediction,) = pupila.predict(colours, image)
    assert len(set(np.round(list(prediction.probabilities.values()), 2))) == 1  # grey: all channels alike


def test_an_orientation_in_memory_counts(painted: Bundle) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    stream = io.BytesIO()
    Image.fromarray(np.concatenate([RED, RED])).save(stream, "PNG", exif=exif)
    with Image.open(stream) as image:
        (prediction,) = pupila.predict(painted, image)
    assert prediction.mask.shape == (16, 32)


@pytest.mark.parametrize(
    "wrong", [3, None, [3], {1}, RED.astype(float), object()], ids=lambda v: type(v).__name__
)
def test_any_other_type_is_refused_with_what_is_taken(wrong: Any, colours: Bundle) -> None:
    with pytest.raises(PupilaError, match=r"expected"):
        pupila.predict(colours, wrong)
    with pytest.raises(PupilaError, match="Not a model"):
        pupila.predict(wrong, RED)


def test_a_model_stays_loaded_and_streams(colours: Bundle, red: Path) -> None:
    model = pupila.load(colours)
    assert pupila.load(model) is model
    assert pupila.load(colours.folder).folder == colours.folder == model.folder
    assert model.classes == ["red", "green", "blue"]
    assert [each.prediction for each in model.stream([red, plain(0, 0, 255)])] == ["red", "blue"]
    assert repr(model) == f"<Model: {colours.folder}: classify, 3 classes>"


def test_an_image_that_cannot_be_read_keeps_its_place(colours: Bundle, red: Path) -> None:
    predictions = pupila.predict(colours, [b"no image", red])
    assert [each.value is None for each in predictions] == [True, False]
    assert len(predictions.failed) == 1
    with pytest.raises(PupilaError, match="image 0 has no prediction"):
        _ = predictions[0].confidence
    assert repr(predictions) == "<Predictions: 2 images, red 1, 1 error>"
    assert predictions.as_dicts()[0]["error"]
    assert predictions.as_dicts()[1]["prediction"] == "red"
    assert "logits" not in predictions.as_dicts()[1]
    with pytest.raises(PupilaError, match="No such image"):
        pupila.predict(colours, "nowhere.jpg")


def test_several_labels_are_attributes_rows_and_a_card(labelled: Bundle) -> None:
    pictures: Any = [plain(255, 255, 0), plain(0, 0, 0), plain(0, 0, 255), b"no image"]
    predictions = pupila.predict(labelled, pictures)
    yellow, black, blue, _ = predictions
    assert (yellow.labels, black.labels, blue.labels) == (("red", "green"), (), ("blue",))
    assert yellow.probabilities["red"] == pytest.approx(UP, abs=1e-6)
    assert yellow.thresholds == {"red": 0.7, "green": 0.3, "blue": 0.3}
    assert blue.abstained and not yellow.abstained
    assert repr(yellow) == "<Prediction: image 0: red (73.1 %), green (73.1 %)>"
    assert repr(predictions) == (
        "<Predictions: 4 images, red 1, green 1, none of the classes 1, blue 1, 1 abstained, 1 error>"
    )
    rows = predictions.as_dicts()
    assert rows[0]["labels"] == ("red", "green") and "logits" not in rows[0]
    assert "present (73.1 %, threshold 70.0 %)" in yellow._repr_html_()
    assert "absent (26.9 %, threshold 30.0 %)" in black._repr_html_()
    assert {"labels", "probabilities", "thresholds", "abstained"} <= {*dir(yellow)}
    assert max(predictions.show().size) > 300 and yellow.plot(side=64).height > 64


def test_masks_are_arrays_and_are_drawn_over_the_image(painted: Bundle) -> None:
    picture = np.concatenate([plain(255, 0, 0), plain(0, 0, 255)])
    (prediction,) = pupila.predict(painted, picture)
    assert prediction.mask.shape == (32, 16)
    assert prediction.mask[0, 0] == 0 and prediction.mask[-1, 0] == 2
    drawn = prediction.plot(side=64)
    assert isinstance(drawn, Image.Image) and max(drawn.size) < 120
    assert prediction.draw(picture).shape == picture.shape
    assert "mask" in dir(prediction) and copy.copy(prediction).mask is prediction.mask


def test_prompts_run_the_encoder_once(pointing: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = pupila.load(pointing), []
    encode = model._predictor.encode

    def count(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return encode(*args, **options)

    monkeypatch.setattr(model._predictor, "encode", count)
    first = model.predict(scene(), points=[(9.5, 5.5)])[0]
    second = model.predict(scene(), box=(0, 0, 8, 8))[0]
    assert len(calls) == 1
    assert first.mask.any() and not np.array_equal(first.mask, second.mask)
    with pytest.raises(PupilaError, match="needs a prompt"):
        model.predict(scene())
    outside = model.predict(scene(), points=[(900, 5)])[0]
    assert "outside" in str(outside)


def test_a_classifier_takes_no_prompt(colours: Bundle) -> None:
    with pytest.raises(PupilaError, match="takes no prompts"):
        pupila.predict(colours, RED, points=[(1, 1)])


def test_files_are_predicted_into_a_table(colours: Bundle, red: Path, tmp_path: Path) -> None:
    table, rows = tmp_path / "table.csv", []
    written = pupila.predict_files(
        colours, red, write=pupila.PredictionFiles(str(table)), on_row=lambda row, text: rows.append(text)
    )
    assert (written.images, written.failed, written.table) == (1, 0, str(table))
    assert table.read_text().splitlines()[0].startswith("image,prediction")
    assert rows == [f"{red}: red (99.9 %)"] and "1 image" in repr(written)


def test_a_service_answers_until_its_block_ends(colours: Bundle) -> None:
    with pupila.serve(colours, max_files=3) as service:
        assert isinstance(service, Service) and service.url in repr(service)
        address = service.url.removeprefix("http://")
        status, body, _ = send_request(address, "POST", "/predict/single", *form(("x.png", encoded(RED))))
        assert (status, body["prediction"]) == (200, "red")
        assert body["probabilities"] == pytest.approx(pupila.predict(colours, RED)[0].probabilities)
    assert "stopped" in repr(service)
    service.stop()
    with pytest.raises(OSError):
        http.client.HTTPConnection(address, timeout=1).request("GET", "/health")


def test_a_port_that_is_taken_is_refused(colours: Bundle) -> None:
    with pupila.serve(colours) as service:
        port = int(service.url.rpartition(":")[2])
        with pytest.raises(PupilaError, match="Can't listen"):
            pupila.serve(colours, port=port)


def test_every_result_is_one_line_and_a_small_card(colours: Bundle, tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "a<b", {"cat": 12, "dog": 11})
    data = pupila.open(folder)
    results = {
        "Dataset": data, "Sample": data[0], "Faults": pupila.doctor(data), "SplitFile": pupila.split(data),
        "ExploreResult": pupila.explore(data), "Bundle": read_bundle(colours.folder), "Model": pupila.load(colours),
        "Predictions": (predictions := pupila.predict(colours, data)), "Prediction": predictions[0],
        "EvaluationOutput": pupila.evaluate(_table(tmp_path, data), data),
    }  # fmt: skip
    for name, result in results.items():
        line, html = repr(result), result._repr_html_()
        assert line.startswith(f"<{name}: ") and "\n" not in line and len(line) < 300, line
        assert 100 < len(html) < 60_000 and "<script" not in html and "http" not in html.replace(
            "http://127", ""), name  # fmt: skip
        assert "a<b" not in html
    assert json.dumps(repr(data)) == '"<Dataset: 23 images, classify, cat 12, dog 11>"'


def _table(folder: Path, data: Any) -> Path:
    """Predictions for every image, all of them right."""
    path = folder / "predictions.csv"
    rows = [f"{each.image},{each.target}" for each in data]
    path.write_text("\n".join(["image,prediction", *rows]) + "\n")
    return path


def test_one_other_model_needs_no_list(tmp_path: Path) -> None:
    data = pupila.open(write_classes(tmp_path / "d", {"cat": 12, "dog": 11}))
    pupila.split(data)
    table, other = _table(tmp_path, data), tmp_path / "other.csv"
    other.write_bytes(table.read_bytes())
    for against in (str(other), other, [other]):
        result = pupila.evaluate(table, data, against=against)
        assert [each.name for each in result.evaluation.models] == ["predictions.csv", "other.csv"]


def test_a_contact_sheet_shows_images_from_the_whole_data_set(tmp_path: Path) -> None:
    data = pupila.open(write_classes(tmp_path / "d", {"cat": 12, "dog": 11}))
    assert isinstance(data.show(4), Image.Image)
    assert data.show(4).size[0] < data.show(8).size[0]
    assert [each.target for each in data][:1] == ["cat"]
    assert data[-1].target == "dog" and len(data[:3]) == 3
    for count in (0, -1):
        with pytest.raises(PupilaError, match=f"Can't show {count} images: expected one image or more"):
            data.show(count)
    text: Any = "a"
    with pytest.raises(
        PupilaError, match=r"found 'a'; expected a row number of \d+ images, from 0, or a slice"
    ):
        data[text]
    with pytest.raises(PupilaError, match=r"There is no image 999: expected a row of \d+ images, from 0"):
        data[999]
    with pytest.raises(IndexError):
        _ = data[23]
