"""Data and images in every form that people have them in, and the refusal of all others."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

import pupila
from pupila.api import inputs
from pupila.artifacts.web.background import BackgroundServer
from pupila.core.errors import PupilaError
from pupila.imaging.images.memory import encode_lossless
from tests.pictures import photo, write_classes, write_scenes

COUNTS = {"cat": 3, "dog": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classes(tmp_path_factory.mktemp("data") / "animals", COUNTS)


def pairs(folder: Path) -> list[tuple[str, str]]:
    return [
        (str(path), path.parent.name) for path in sorted(folder.glob("*/*.*")) if path.parent.name in COUNTS
    ]


def picture(path: str) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


def pixels(path: str) -> Any:
    return np.asarray(picture(path))


def table(folder: Path) -> dict[str, list[Any]]:
    rows = pairs(folder)
    columns: dict[str, list[Any]] = {"File": [path for path, _ in rows], "class": [name for _, name in rows]}
    return columns | {"place": list(range(len(rows))), "nothing": [None] * len(rows)}


# Stand-ins with the interface of Hugging Face's `datasets`: features, column_names, cast_column, rows as dicts.
@dataclass
class ImageFeature:
    decode: bool = True


ImageFeature.__name__ = "Image"


@dataclass
class ClassLabel:
    names: list[str]


@dataclass
class Listed:
    """`Sequence` or `List` of another feature."""

    feature: ClassLabel


@dataclass
class HuggingFace:
    rows: list[dict[str, Any]]
    features: dict[str, Any]

    @property
    def column_names(self) -> list[str]:
        return list(self.features)

    def cast_column(self, name: str, feature: ImageFeature) -> "HuggingFace":
        assert not feature.decode  # pixels are never decoded: the bytes of the files are taken
        return HuggingFace(self.rows, {**self.features, name: feature})

    def __iter__(self) -> Any:
        return iter(self.rows)


def hugging_face(folder: Path, unlabelled: int = 0) -> HuggingFace:
    rows = [
        {"image": {"bytes": Path(path).read_bytes(), "path": "x.png"}, "species": ["cat", "dog"].index(name), "id": 7}
        for path, name in pairs(folder)
    ]  # fmt: skip
    for row in rows[:unlabelled]:
        row["species"] = -1
    return HuggingFace(rows, {"image": ImageFeature(), "species": ClassLabel(["cat", "dog"]), "id": int})


INPUTS: dict[str, Callable[[Path], Any]] = {
    "path": lambda folder: folder,
    "text": str,
    "pairs": pairs,
    "tuple of pairs": lambda folder: tuple(pairs(folder)),
    "generator": lambda folder: iter(pairs(folder)),
    "pathlib": lambda folder: [(Path(path), name) for path, name in pairs(folder)],
    "arrays": lambda folder: [(pixels(path), name) for path, name in pairs(folder)],
    "Pillow": lambda folder: [(picture(path), name) for path, name in pairs(folder)],
    "bytes": lambda folder: [(Path(path).read_bytes(), name) for path, name in pairs(folder)],
    "records": lambda folder: [{"image": path, "label": name} for path, name in pairs(folder)],
    "polars": lambda folder: pl.DataFrame(table(folder)),
    "pandas": lambda folder: pd.DataFrame(table(folder)),
    "ImageFolder": lambda folder: ImageFolder(str(folder)),
    "Hugging Face": hugging_face,
    "Dataset": lambda folder: pupila.open(folder),
}


@pytest.mark.parametrize("name", INPUTS)
def test_every_form_of_the_data_has_the_same_images_and_labels(name: str, folder: Path) -> None:
    opened = pupila.open(INPUTS[name](folder))
    assert opened.class_counts() == COUNTS
    expected = {(pixels(path).tobytes(), label) for path, label in pairs(folder)}
    assert {(sample.pixels().tobytes(), sample.target) for sample in opened} == expected


@pytest.mark.parametrize("name", ["polars", "pandas"])
def test_columns_of_a_table_are_found_and_others_are_kept(name: str, folder: Path) -> None:
    opened = pupila.open(INPUTS[name](folder))
    assert "place" in opened.own_columns
    assert opened.images["place"].sort().to_list() == ["0", "1", "2", "3", "4"]


def test_splits_of_a_mapping_are_given_splits(folder: Path) -> None:
    rows = pairs(folder)
    opened = pupila.open({"train": rows[:3], "validation": rows[3:4], "test": rows[4:]})
    assert sorted(opened.images["given_split"].to_list()) == ["test", "train", "train", "train", "validation"]
    whole = pupila.open({"train": hugging_face(folder)})
    assert whole.images["given_split"].unique().to_list() == ["train"]


def test_a_list_without_labels_has_no_task(folder: Path) -> None:
    assert pupila.open([path for path, _ in pairs(folder)]).task is None
    assert pupila.open(hugging_face(folder, unlabelled=2)).images["target"].null_count() == 2


def test_the_same_data_are_stored_once_and_find_their_split_again(folder: Path) -> None:
    opened = [pupila.open(INPUTS["arrays"](folder)) for _ in range(2)]
    assert opened[0].home == opened[1].home != str(folder)
    assert any(opened[0].home in note for note in opened[0].notes)
    pupila.split(opened[0], val=0.2, test=0.2)
    assert pupila.split(INPUTS["arrays"](folder), val=0.2, test=0.2).data_hash == opened[0].hash
    assert pupila.open(INPUTS["pairs"](folder)).home != opened[0].home


def test_a_named_folder_gets_the_data_and_refuses_others(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    for _ in range(2):  # the second time the same data are there
        opened = pupila.open(INPUTS["arrays"](folder), out=out)
        assert opened.home == out.as_posix()
    assert len(list(out.glob("images/*.png"))) == 5
    with pytest.raises(PupilaError, match="other files"):
        pupila.open(INPUTS["arrays"](folder)[:2], out=out)


@pytest.mark.parametrize("form", ["paths", "arrays", "Pillow"])
def test_images_with_masks_are_a_segmentation(form: str, tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "scenes", 3)
    expected = pupila.open(root)
    files = [(expected.path(row), f"{expected.root}/{expected[row].target}") for row in range(3)]
    shapes: dict[str, Any] = {
        "paths": files, "arrays": [(pixels(i), pixels(m)) for i, m in files],
        "Pillow": [(picture(i), picture(m)) for i, m in files],
    }  # fmt: skip
    opened = pupila.open(shapes[form])
    assert opened.target == "mask"
    assert [opened.mask(row).tolist() for row in range(3)] == [
        expected.mask(row).tolist() for row in range(3)
    ]


@pytest.mark.parametrize(
    "wrong", [3, None, 1.5, {1}, np.zeros((4, 4)), [3], [("a", "b", "c")], {"train": 3}, object(), pl.Series([1])],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_any_other_type_is_refused_with_what_is_taken(wrong: Any) -> None:
    for function in (pupila.open, pupila.split, pupila.doctor, pupila.explore, pupila.train):
        with pytest.raises(PupilaError) as refusal:
            function(wrong)
        assert "expected" in str(refusal.value)


def test_refusals_of_single_images_say_what_to_do(tmp_path: Path) -> None:
    floats = photo(1).astype(np.float32) / 255
    with pytest.raises(PupilaError, match=r"float32.*\n.*astype\('uint8'\)"):
        pupila.open([(floats, "a")])
    with pytest.raises(PupilaError, match="transpose"):
        pupila.open([(photo(1).transpose(2, 0, 1), "a")])
    with pytest.raises(PupilaError, match=r"no single value.*list in row 0"):
        pupila.open([(photo(1), [1, 0])])
    empty: list[tuple[Any, str]] = [
        ([], "The data set is empty: found an empty list"), ({}, "The data set is empty: found an empty dict"),
        ({"train": [], "test": []}, "The data set is empty: found no images in train, test"),
        (pd.DataFrame(), "no image column: found no columns"),
        (pd.DataFrame({"image": []}), "The data set is empty: found an empty pandas.DataFrame"),
    ]  # fmt: skip
    for nothing, message in empty:
        with pytest.raises(PupilaError, match=message):
            pupila.open(nothing)
    with pytest.raises(PupilaError, match="no image column"):
        pupila.open(pl.DataFrame({"a": [1]}))
    with pytest.raises(PupilaError, match="no Image feature"):
        pupila.open(HuggingFace([], {"text": str}))


LABELS: list[tuple[Any, Any, Any]] = [
    (["salt", "sugar"], ["sugar"], []),
    (("salt", "sugar"), ("sugar",), ()),
    ({"salt", "sugar"}, {"sugar"}, set()),
    (np.array(["salt", "sugar"]), np.array(["sugar"]), np.array([])),
    (pl.Series(["salt", "sugar"]), pl.Series(["sugar"]), pl.Series([], dtype=pl.String)),
    ({"salt": True, "sugar": True}, {"salt": False, "sugar": 1}, {"salt": 0, "sugar": np.bool_(False)}),
    ("salt|sugar", "sugar", "none"),
]


@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: type(labels[0]).__name__)
def test_several_labels_of_an_image(labels: tuple[Any, Any, Any]) -> None:
    data = pupila.open([(photo(number), label) for number, label in enumerate((*labels, None))])
    assert data.classes == ["salt", "sugar"]
    assert data.label_matrix.tolist() == [[1, 1], [0, 1], [0, 0], [-1, -1]]


def test_labels_that_nobody_knows(tmp_path: Path) -> None:
    data = pupila.open(
        [(photo(1), {"salt": True, "sugar": None}), (photo(2), {"salt": False, "sugar": True})]
    )
    assert data.label_matrix.tolist() == [[1, -1], [0, 1]]


@pytest.mark.parametrize("unknown", [None, float("nan"), -1, np.float64("nan"), "?", "unknown"])
def test_a_mapping_says_unknown_as_columns_do(unknown: Any) -> None:
    labels = [{"salt": True, "sugar": unknown}, {"salt": "no", "sugar": np.float64(1)}, {}]
    data = pupila.open([(photo(number), label) for number, label in enumerate(labels)])
    assert data.label_matrix.tolist() == [[1, -1], [0, 1], [-1, -1]]


def test_lists_beside_an_empty_mapping_stay_lists() -> None:
    data = pupila.open(
        [(photo(number), label) for number, label in enumerate((["salt", "fat"], ["fat"], {}))]
    )
    assert data.label_matrix.tolist() == [[1, 1], [1, 0], [-1, -1]]


@pytest.mark.parametrize("unknown", [None, float("nan"), "?"])
def test_a_list_with_a_word_for_unknown_is_no_label_and_named(unknown: Any) -> None:
    data = pupila.open([(photo(1), ["salt", "fat"]), (photo(2), ["salt", unknown])])
    assert data.label_matrix.tolist() == [[1, 1], [-1, -1]]
    assert data.skipped["code"].to_list() == ["unreadable-label"]


def test_one_column_per_class_in_a_table_of_pandas(folder: Path) -> None:
    paths = table(folder)["File"][:3]
    frame = pd.DataFrame({"image": paths, "salt": [True, False, True], "sugar": [1.0, None, 0.0]})
    assert pupila.open(frame).label_matrix.tolist() == [[1, 1], [0, -1], [1, 0]]


def test_one_class_or_several_as_the_user_says(folder: Path) -> None:
    assert pupila.open(pairs(folder), task="multilabel").target == "classes"


def test_lists_of_class_labels_of_hugging_face(folder: Path) -> None:
    single = hugging_face(folder)
    rows = [{**row, "species": indices} for row, indices in zip(single.rows, ([0, 1], [1], []), strict=False)]
    several = HuggingFace(rows, {**single.features, "species": Listed(single.features["species"])})
    assert pupila.open(several).label_matrix.tolist() == [[1, 1], [0, 1], [0, 0]]


@pytest.mark.parametrize("label", [{"name": "cat"}, b"cat", np.array([1, 0]), [0, 1, 1], [["cat"]],
                                   [True, False]], ids=str)  # fmt: skip
def test_a_label_that_is_no_names_is_refused_and_never_dropped(label: Any) -> None:
    with pytest.raises(
        PupilaError, match=r"(?s)column label has no single value: found .* in row 1.*need the names"
    ):
        pupila.open([{"image": photo(1), "label": "cat"}, {"image": photo(2), "class": "x", "label": label}])


def test_lists_of_labels_in_a_table(folder: Path) -> None:
    columns = table(folder)
    frame = pl.DataFrame({"File": columns["File"], "class": [[name] for name in columns["class"]]})
    assert pupila.open(frame).class_counts() == pupila.open(pairs(folder)).class_counts()
    assert pupila.open(frame, task="multilabel").target == "classes"


def test_settings_for_data_that_are_open_are_refused(folder: Path) -> None:
    opened = pupila.open(folder, max_pixels=1_000_000)
    with pytest.raises(PupilaError, match=r"already open.*max_pixels"):
        pupila.doctor(opened, max_pixels=2_000_000)


@pytest.mark.parametrize(
    "odd", [Image.new("HSV", (4, 4)), Image.new("RGBa", (4, 4)), Image.new("RGB", (0, 4))]
)
def test_a_picture_that_no_file_keeps_is_refused(odd: Image.Image) -> None:
    with pytest.raises(PupilaError, match=f"Not an image: found {odd.mode}, {odd.width} x 4"):
        encode_lossless(odd)


def test_an_iterator_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MOST_IN_MEMORY", 3)
    assert len(inputs.list_images(iter(["a.png"] * 3))) == 3  # type: ignore[arg-type]
    with pytest.raises(PupilaError, match="more than 3"):
        inputs.list_images(repeat("a.png"))  # type: ignore[arg-type]


NO_APP: Any = None  # the port comes first


def test_a_number_that_is_no_port_is_refused() -> None:
    with pytest.raises(PupilaError, match="Can't listen on port 99999"):
        BackgroundServer(NO_APP, "127.0.0.1", 99_999)
