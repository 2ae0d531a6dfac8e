"""`bundle.json`: a value that no training writes is refused, whoever sealed it; so is whatever is no plain JSON."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from pupila.artifacts.bundle.folder import Bundle, read_bundle
from pupila.artifacts.bundle.info_file import MAX_BYTES, seal
from pupila.artifacts.bundle.predictor import Predictor
from pupila.core.errors import PupilaError
from tests.artifacts.bundle.sealed import edit_info, edit_text, read_fields, seal_text
from tests.colours import CLASSES


def refusal(home: Path) -> str:
    """Why the bundle is refused."""
    with pytest.raises(PupilaError) as caught:
        read_bundle(home)
    assert "\x1b" not in str(caught.value)
    return str(caught.value)


def assert_matches(text: str, pattern: str) -> None:
    assert re.search(pattern, text), text


def member(weights_file: str) -> dict[str, Any]:
    """Of an ensemble."""
    architecture = {"library": "pupila", "name": "lenet"}
    return {"architecture": architecture, "weights": {"source": "none"}, "weights_file": weights_file}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"classes": ["red", "blue", "green"]}, "has the classes red, green, blue, not those of the bundle"),
        ({"classes": ["red", "red", "blue"]}, "classes: 'red' twice"),
        ({"classes": ["red", "", "blue"]}, "classes: no name for class 1"),
        ({"classes": ["red", "gr\nee", "blue"]}, r"classes: control characters in 'gr\\nee'"),
        ({"classes": ["x" * 2000, "green", "blue"]}, "classes: a name of 2,000 characters"),
        ({"temperature": 1e-300}, "temperature: 1e-300 is not within 0.001 and 1000"),
        ({"golden_tolerance": 0}, "golden_tolerance: 0 is not within"),
        ({"golden_tolerance": -1.0}, "golden_tolerance: -1 is not within"),
        ({"golden_tolerance": 1e9}, "golden_tolerance: 1e[+]09 is not within"),
        ({"golden_tolerance": None}, "golden_tolerance"),
        ({"parameters": -1}, "parameters: -1 is below 0"),
        ({"temperature": True}, "temperature: a value of another type"),
        ({"temperature": "1"}, "temperature: a value of another type"),
        ({"golden": {"tiny.gif": [True]}}, "golden.tiny.gif.0: a value of another type"),
        ({"classes": {"red": 0, "green": 1, "blue": 2}}, "classes: "),
        ({"files": {"../model.onnx": "0" * 64}}, "files: ../model.onnx is no name"),
        ({"files": {"/etc/passwd": "0" * 64}}, "files: /etc/passwd is no name"),
        ({"files": {"a\\b": "0" * 64}}, r"files: a\\b is no name"),
        ({"files": {"c:b": "0" * 64, "": "0" * 64}}, "files: c:b is no name"),
        ({"files": {"model.onnx": "0" * 64, "Model.onnx": "0" * 64}}, "files: model.onnx twice"),
        ({"made_by": "\x1b[2J"}, "control characters in"),
        ({"golden": {"deep.png": []}}, "golden: no prediction for deep.png"),
        ({"golden": {f"{n}.png": [1.0] for n in range(99)}}, "golden: more than 32 images"),
        ({"head": {"widths": [4]}}, r"head.widths: \[4\] for 3 classes"),
        ({"head": {"widths": [3], "dropout": 2}}, "head.dropout: 2 is not within 0 and 1"),
        ({"members": [member("a.safetensors")]}, "a.safetensors is missing"),
        ({"members": [member("a"), member("a"), member("b")]}, "members: 2 files of weights for 3 members"),
        ({"test_time_flips": "sideways"}, "test_time_flips: "),
    ],
)  # fmt: skip
def test_a_value_that_no_training_writes_is_refused(home: Path, values: dict[str, Any], says: str) -> None:
    assert_matches(refusal(edit_info(home, **values)), says)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"threshold": 1.5, "positive": "red"}, "post_processing.threshold: 1.5 is not within"),
        ({"threshold": -0.1}, "post_processing.threshold: -0.1 is not within"),
        ({"positive": "mauve"}, "post_processing.positive: 'mauve' is none of two classes"),
        ({"thresholds": [0.5, 0.5]}, "post_processing.thresholds: 2 values for 3 classes"),
        ({"thresholds": [0.5, 0.5, 7]}, "post_processing.thresholds: 7 is not within"),
        ({"biases": [0.0]}, "post_processing.biases: 1 values for 3 classes"),
        ({"abstain_below": 2}, "post_processing.abstain_below: 2 is not within"),
        ({"smooth": -1}, "post_processing.smooth: -1 is not within"),
        ({"shared_threshold": ["mauve"]}, "post_processing.shared_threshold: 'mauve' is no class"),
    ],
)
def test_post_processing_fits_the_classes(home: Path, values: dict[str, Any], says: str) -> None:
    fields = read_fields(home)["post_processing"]
    assert_matches(refusal(edit_info(home, post_processing=fields | values)), says)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"height": 0}, "preprocessing.height"),
        ({"width": -8}, "preprocessing.width"),
        ({"height": 10**6}, "preprocessing.height: 1e[+]06 is not within 1 and 8192"),
        ({"std": [1, 0, 1]}, "preprocessing.std: 0 is not within"),
        ({"std": [1, -1, 1]}, "preprocessing.std: -1 is not within"),
        ({"crop_share": 1e-9, "fit": "crop"}, "preprocessing.crop_share: 1e-09 is below"),
        ({"view": "tile", "overlap": 8}, "preprocessing.overlap: 8 pixels of tiles of 8"),
    ],
)
def test_preprocessing_can_be_done(home: Path, values: dict[str, Any], says: str) -> None:
    fields = read_fields(home)["preprocessing"]
    assert_matches(refusal(edit_info(home, preprocessing=fields | values)), says)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"temperature": 1.0', '"temperature": NaN', "NaN is no number"),
        ('"temperature": 1.0', '"temperature": -Infinity', "-Infinity is no number"),
        ('"temperature": 1.0', '"temperature": 1e999', "1e999 is no number"),
        ('"temperature": 1.0', '"temperature": 1.0, "temperature": 2.0', "'temperature' twice"),
        ('"parameters": 9', f'"parameters": {"9" * 5000}', "9999… is no number"),
        ('"options": {}', f'"options": {{"a": {"[" * 90}{"]" * 90}}}', "nested more than 24 times"),
        ('"options": {}', f'"options": {{"a": {"[" * 100_000}{"]" * 100_000}}}', "(?i)recursion"),
        ('"by hand"', r'"by \ud800 hand"', "control characters"),
        ('"by hand"', r'"by \u009b2J hand"', "control characters"),
        ('"golden_tolerance": 0.001', '"golden_tolerance": "1"', "golden_tolerance: 1 is not within"),
        ('"parent": null', '"parent": null, "soul": 1', "soul: Extra inputs"),
    ],
)
def test_what_is_no_plain_json_is_refused(home: Path, old: str, new: str, says: str) -> None:
    assert_matches(refusal(edit_text(home, old, new)), says)


@pytest.mark.parametrize("text", ["[]", "null", "", "{", '"', "\ufeff{}", "{} {}", "\x00" * 99])
def test_another_file_in_its_place_is_refused(home: Path, text: str) -> None:
    (home / "bundle.json").write_text(text)
    assert "bundle.json" in refusal(home)


def test_text_in_another_encoding_is_refused(home: Path) -> None:
    text = (home / "bundle.json").read_text()
    (home / "bundle.json").write_bytes(text.encode("utf-16"))
    assert "utf-8" in refusal(home)


def test_a_file_of_any_size_is_read_in_bounds(home: Path) -> None:
    with (home / "bundle.json").open("r+b") as stream:
        stream.truncate(50 * MAX_BYTES)  # a hole in the file takes no disk
    assert "more than 32,000,000 bytes" in refusal(home)


def test_the_largest_real_bundles_are_far_from_the_bounds(tmp_path: Path, written: Bundle) -> None:
    """20,000 classes, each with its number for seven golden images."""
    names = [f"a class with a long name {number:05}" for number in range(20_000)]
    golden = {image: {name: [math.pi] for name in names} for image in written.info.golden}
    info = written.info.model_copy(update={"classes": names, "golden": golden})
    assert len(info.model_dump_json(indent=1)) < MAX_BYTES / 2


def test_a_change_that_means_nothing_can_be_sealed_again(home: Path, written: Bundle) -> None:
    """Whoever owns the folder can renew the hash: another indentation, or another time of creation."""
    text = json.dumps(read_fields(home) | {"hash": "", "created": "2027"}, indent=7)
    bundle = read_bundle(seal_text(home, text))
    assert bundle.info.model_copy(update={"hash": "", "created": ""}) == written.info.model_copy(
        update={"hash": "", "created": ""}
    )
    assert bundle.hash != written.hash
    Predictor(bundle)


def test_a_bundle_from_before_golden_predictions_had_class_names_still_opens(home: Path) -> None:
    golden = {
        name: [row[0] for row in by_class.values()] for name, by_class in read_fields(home)["golden"].items()
    }
    assert all(len(values) == len(CLASSES) for values in golden.values())
    Predictor(read_bundle(edit_info(home, golden=golden)))


def test_what_could_not_be_read_back_is_not_written(written: Bundle) -> None:
    with pytest.raises(PupilaError, match=r"bytes of bundle\.json; expected at most 32,000,000"):
        seal(written.info.model_copy(update={"made_by": "x" * MAX_BYTES}))
