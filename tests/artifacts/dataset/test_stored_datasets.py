"""Hugging Face's data sets on disk: Arrow streams of `save_to_disk`, Parquet files of the hub, and their classes."""

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import pupila
from pupila.core.errors import PupilaError
from tests.pictures import photo

LABEL = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def images(numbers: range, path: str | None = None) -> list[dict[str, Any]]:
    return [{"bytes": png(photo(number)), "path": path} for number in numbers]


def save(
    folder: Path, table: dict[str, Any], features: dict[str, Any], shards: int = 1, **state: Any
) -> None:
    """Write as `datasets.Dataset.save_to_disk` does."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(table)
    names = [f"data-{number:05d}-of-{shards:05d}.arrow" for number in range(shards)]
    size = -(-frame.height // shards)
    for number, name in enumerate(names):
        frame.slice(number * size, size).write_ipc_stream(folder / name)
    listed = [{"filename": name} for name in names]
    (folder / "state.json").write_text(json.dumps({"_data_files": listed, **state}), encoding="utf-8")
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}), encoding="utf-8")


def save_parts(folder: Path, names: list[str]) -> None:
    for place, name in enumerate(names):
        numbers = range(4 * place, 4 * place + 4)
        save(
            folder / name,
            {"image": images(numbers), "label": [n % 2 for n in numbers]},
            LABEL,
            2,
            _split=None,
        )
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": names}), encoding="utf-8")


def test_the_folders_of_a_saved_dictionary_are_its_splits(tmp_path: Path) -> None:
    save_parts(tmp_path, ["train", "valid", "test"])
    (tmp_path / "train" / "cache-12ab.arrow").write_bytes(b"left by map")
    data = pupila.open(tmp_path)
    assert data.class_counts() == {"cat": 6, "dog": 6}
    counts = dict(data.images["given_split"].value_counts().iter_rows())
    assert counts == {"train": 4, "validation": 4, "test": 4}
    assert data.skipped.is_empty()


def test_a_folder_that_names_no_split_is_named_and_stops_the_split(tmp_path: Path) -> None:
    save_parts(tmp_path, ["train", "unsupervised"])
    data = pupila.open(tmp_path)
    assert any("unsupervised (4)" in note for note in data.notes)
    with pytest.raises(PupilaError, match="unsupervised for 4 images"):
        pupila.split(data)


@pytest.mark.parametrize("split", ["train", None])
def test_one_saved_dataset_is_read_without_splits_of_its_own(tmp_path: Path, split: str | None) -> None:
    save(tmp_path, {"image": images(range(5)), "label": [0, 1, -1, 1, None]}, LABEL, _split=split)
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["cat", "dog", None, "dog", None]
    assert data.images["given_split"].unique().to_list() == [split]


def test_a_file_that_the_state_lists_and_that_is_missing_is_an_error(tmp_path: Path) -> None:
    save(tmp_path, {"image": images(range(4)), "label": [0, 1, 0, 1]}, LABEL, 2)
    (tmp_path / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(PupilaError, match=r"missing.*data-00001"):
        pupila.open(tmp_path)


@pytest.mark.parametrize("hub", [True, False])
def test_an_image_column_of_few_values_holds_the_masks(tmp_path: Path, hub: bool) -> None:
    masks = np.zeros((3, *photo(0).shape[:2]), dtype=np.uint8)
    for number, mask in enumerate(masks):
        mask[4 : 20 + number, 4:30] = 1
        mask[24:40, 6:20] = 2
    cells = [{"bytes": png(mask), "path": None} for mask in masks]
    table = {
        "pixel_values": images(range(3)),
        "label": cells,
        "depth": images(range(7, 10)),
        "scene": list("aba"),
    }
    (tmp_path / "id2label.json").write_text('{"0": "floor", "1": "wall", "2": "door"}', encoding="utf-8")
    if hub:
        pl.DataFrame(table).write_parquet(tmp_path / "train-00000-of-00001.parquet")
    else:
        save(tmp_path, table, {})
    data = pupila.open(tmp_path)
    assert [sample.mask().tolist() for sample in data] == masks.tolist()
    assert data.classes == ["floor", "wall", "door"]
    assert data.own_columns == ["scene"]
    assert any("column label holds the masks of pixel_values" in note for note in data.notes)
    assert any("depth: columns of images, too" in note for note in data.notes)


def test_images_that_are_named_and_not_held_are_read_from_their_files(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(3):
        (tmp_path / "photos" / f"p{number}.png").write_bytes(png(photo(number)))
    cells = [{"bytes": None, "path": f"/home/me/photos/p{number}.png"} for number in range(3)]
    labels = [[0], [0, 1], []]
    features = {"labels": {"feature": {"names": ["salt", "fat"], "_type": "ClassLabel"}, "_type": "List"}}
    schema = {"bytes": pl.Binary, "path": pl.String}
    save(tmp_path, {"image": pl.Series(cells, dtype=pl.Struct(schema)), "labels": labels}, features)
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == [
        '{"fat": 0, "salt": 1}',
        '{"fat": 1, "salt": 1}',
        '{"fat": 0, "salt": 0}',
    ]
    (tmp_path / "photos" / "p1.png").unlink()
    (tmp_path / "photos" / "p0.png").write_bytes(png(photo(9)))
    save(
        tmp_path,
        {"image": pl.Series(cells, dtype=pl.Struct(schema)), "labels": labels, "more": [1, 2, 3]},
        features,
    )
    with pytest.raises(PupilaError, match=r"Row 1 of .* has no image"):
        pupila.open(tmp_path)


def test_the_card_of_a_hub_folder_names_the_classes_and_the_files_name_the_splits(tmp_path: Path) -> None:
    names = {"train-00000-of-00001-a1b2": range(4), "extra-00000-of-00001-cdef": range(4, 6)}
    (tmp_path / "data").mkdir()
    for name, numbers in names.items():
        frame = pl.DataFrame({"image": images(numbers), "label": [n % 2 for n in numbers]})
        frame.write_parquet(tmp_path / "data" / f"{name}.parquet")
    card = "---\ndataset_info:\n  features:\n  - name: image\n    dtype: image\n  - name: label\n    dtype:\n" \
           "      class_label:\n        names:\n          '0': no\n          '1': 010\n---\n# Cats\n"  # fmt: skip
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    data = pupila.open(tmp_path)
    assert data.class_counts() == {"010": 3, "no": 3}
    assert dict(data.images["given_split"].value_counts().iter_rows()) == {"train": 4, "extra": 2}


@pytest.mark.parametrize("name", [b"hub[1]", b"h*b?", b"hub\xff"])
def test_names_like_patterns_and_names_that_are_no_text_are_read(name: bytes, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    labels = [number % 2 for number in range(8)]
    rows = {"image": [{"bytes": row["bytes"], "path": None} for row in images(range(8))], "label": labels}
    with (folder / "train-00000-of-00001.parquet").open("wb") as stream:
        pl.DataFrame(rows).write_parquet(stream)
    assert pupila.open(folder).class_counts() == {"0": 4, "1": 4}


def test_several_columns_of_classes_are_a_question(tmp_path: Path) -> None:
    features = {name: {"names": [f"{name} {n}" for n in range(2)]} for name in ("fine_label", "coarse_label")}
    table = {"img": images(range(4)), "fine_label": [0, 1, 0, 1], "coarse_label": [0, 0, 1, 1]}
    save(tmp_path, table, features)
    with pytest.raises(PupilaError, match=r"--labels '#fine_label'"):
        pupila.open(tmp_path)
    assert pupila.open(tmp_path, labels="#coarse_label").classes == ["coarse_label 0", "coarse_label 1"]


def test_a_table_of_paths_has_the_names_of_its_classes(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"p{number}.png").write_bytes(png(photo(number)))
    frame = pl.DataFrame({"file_name": [f"p{number}.png" for number in range(4)], "label": [0, 1, -1, None]})
    frame.write_parquet(
        tmp_path / "t.parquet", metadata={"huggingface": json.dumps({"info": {"features": LABEL}})}
    )
    assert pupila.open(tmp_path).images["target"].to_list() == ["cat", "dog", None, None]
