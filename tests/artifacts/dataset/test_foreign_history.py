"""A table of someone's own that has the name of the label history."""

from pathlib import Path

import polars as pl
import pytest

import pupila
from pupila.api.label import export_labels, import_labels, label
from pupila.artifacts.dataset.labels import Label, append_labels, read_history, require_history
from pupila.core.errors import PupilaError
from tests.stages.label.review.reviews import flat

NAME = "labels.parquet"


def write_table(folder: Path) -> bytes:
    flat(folder, 4)
    names = [f"{number:03d}.jpg" for number in range(4)]
    pl.DataFrame({"image": names, "label": ["cat", "dog", "cat", "dog"]}).write_parquet(folder / NAME)
    return (folder / NAME).read_bytes()


def test_it_is_read_like_any_table(tmp_path: Path) -> None:
    before = write_table(tmp_path)
    data = pupila.open(tmp_path)
    assert data.images["target"].to_list() == ["cat", "dog", "cat", "dog"]
    assert data.skipped.is_empty() and read_history(str(tmp_path)).is_empty()
    assert pupila.open(tmp_path, labels=NAME).images["target"].to_list() == ["cat", "dog", "cat", "dog"]
    assert (tmp_path / NAME).read_bytes() == before


def test_no_label_is_given_before_it_has_another_name(tmp_path: Path) -> None:
    folder, export = tmp_path / "data", tmp_path / "x.json"
    before = write_table(folder)
    (tmp_path / "more.csv").write_text("image,label\n000.jpg,dog\n")
    export_labels(folder, out=export)
    digest = pupila.open(folder).images["sha256"][0]
    given = Label("000.jpg", digest, "annotator:ana", True, "dog", "2026-11-21T13:00:00Z")
    for refused in (
        lambda: label(folder, with_=f"csv:{tmp_path / 'more.csv'}"),
        lambda: import_labels(folder, export),
        lambda: append_labels(str(folder), [given]),
    ):
        with pytest.raises(PupilaError, match=r"(?s)labels.parquet is a table of your own.*another name"):
            refused()
    assert (folder / NAME).read_bytes() == before
    (folder / NAME).rename(folder / "given.parquet")
    append_labels(str(folder), [given])
    assert pupila.open(folder).images["target"].to_list() == ["dog", "dog", "cat", "dog"]
    require_history(str(folder))


@pytest.mark.parametrize("beside", [".labels.copy.parquet", ""])
def test_what_was_a_history_is_none(tmp_path: Path, beside: str) -> None:
    frame = pl.DataFrame({"sha256": ["0"], "labeller": ["ana"]} if not beside else {"image": ["0.jpg"]})
    frame.write_parquet(tmp_path / NAME)
    if beside:
        (tmp_path / beside).write_bytes(b"damaged, too")
    with pytest.raises(PupilaError, match="Can't read the labels"):
        read_history(str(tmp_path))
