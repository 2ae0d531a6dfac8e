"""Several mask files or pages of one image: united into one mask, a file for each class or object."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from pupila.artifacts.dataset.formats.masks.mask_files import MaskFile, describe_target, write_mask_files
from pupila.artifacts.dataset.mask_target import is_drawn
from pupila.artifacts.dataset.masks import MaskRow, MaskTable, read_mask, read_masks
from pupila.core.errors import PupilaError
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.decode import ImageLimits
from pupila.imaging.masks.codec import encode_palette_png, encode_png
from pupila.imaging.masks.label_map import LabelMap

HEIGHT, WIDTH = 16, 24
LIMITS = ImageLimits()


def rectangle(top: int, left: int, bottom: int, right: int) -> Any:
    """(HEIGHT, WIDTH) uint8, 255 within."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def write(folder: Path, name: str, mask: Any) -> str:
    (mask if isinstance(mask, Image.Image) else Image.fromarray(mask)).save(folder / name)
    return name


def read(folder: Path, *targets: list[MaskFile] | str | None, given: LabelMap | None = None) -> MaskTable:
    texts = [write_mask_files(target) if isinstance(target, list) else target for target in targets]
    rows = {"image": [f"{number}.jpg" for number in range(len(texts))], "target": texts,
            "given_target": texts, "width": [WIDTH] * len(texts), "height": [HEIGHT] * len(texts),
            "orientation": [1] * len(texts)}  # fmt: skip
    schema = {"target": pl.String, "given_target": pl.String}
    return read_masks(str(folder), pl.DataFrame(rows, schema_overrides=schema), given, LIMITS)


def mask_of(folder: Path, table: MaskTable, row: int = 0) -> Any:
    columns = ("target", "mask_sha256", "height", "width", "orientation")
    return read_mask(
        str(folder), MaskRow(*(table.images[name][row] for name in columns)), table.label_map, LIMITS
    )


def test_objects_without_a_category_are_united_to_the_foreground(tmp_path: Path) -> None:
    first, second = rectangle(1, 1, 5, 6), rectangle(3, 4, 9, 20)
    files = [MaskFile(write(tmp_path, "a_1.png", first)), MaskFile(write(tmp_path, "a_2.png", second // 255))]
    table = read(tmp_path, files, [MaskFile(write(tmp_path, "b.png", 0 * first))], None)
    assert table.label_map == LabelMap.plain(["background", "foreground"])
    assert np.array_equal(mask_of(tmp_path, table), ((first | second) > 0).astype(np.uint8))
    assert not mask_of(tmp_path, table, 1).any()
    assert table.images["pixels"].to_list()[1] == [HEIGHT * WIDTH, 0]
    assert table.notes == []


def test_later_classes_lie_on_top_and_the_overlap_is_noted_once(tmp_path: Path) -> None:
    lake, road = rectangle(0, 0, 16, 12), rectangle(4, 8, 8, 24)
    files = [
        MaskFile(write(tmp_path, "a_lake.png", lake), "lake"),
        MaskFile(write(tmp_path, "r.png", road), "road"),
    ]
    table = read(tmp_path, files, [MaskFile("r.png", "road")])
    expected = np.where(road, 2, np.where(lake, 1, 0))
    assert table.label_map.names == ("background", "lake", "road")
    assert np.array_equal(mask_of(tmp_path, table), expected)
    share = f"{100 * 16 / (HEIGHT * WIDTH):.2f} %"
    assert table.notes == [
        f"Classes overlap in 1 mask, on {share} of its pixels: the later class lies on top."
    ]


def test_a_page_for_each_class(tmp_path: Path) -> None:
    pages = [Image.fromarray(rectangle(0, 0, 4, 4)), Image.fromarray(rectangle(8, 8, 12, 12))]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    table = read(tmp_path, [MaskFile("a.tif", "cell", 0), MaskFile("a.tif", "nucleus", 1)])
    assert np.bincount(mask_of(tmp_path, table).ravel()).tolist() == [HEIGHT * WIDTH - 32, 16, 16]
    with pytest.raises(PupilaError, match="No usable mask"):
        read(tmp_path, [MaskFile("a.tif", "cell", 2)])


def test_a_class_file_gives_the_order_and_void_has_no_label(tmp_path: Path) -> None:
    road, void = rectangle(0, 0, 4, 4), rectangle(0, 0, 16, 2)
    files = [
        MaskFile(write(tmp_path, "r.png", road), "road"),
        MaskFile(write(tmp_path, "v.png", void), "void"),
    ]
    table = read(tmp_path, files, given=LabelMap.plain(["background", "lake", "road"]))
    mask = mask_of(tmp_path, table)
    assert table.label_map.names == ("background", "lake", "road")
    assert (mask[0, 0], mask[0, 3], mask[9, 9]) == (IGNORE, 2, 0)


def test_a_lone_file_among_others_is_one_object_or_a_mask_that_pupila_wrote(tmp_path: Path) -> None:
    parts = [MaskFile(write(tmp_path, f"a_{n}.png", rectangle(n, n, n + 3, n + 4)), name)
             for n, name in enumerate(["lake", "road"])]  # fmt: skip
    written = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 3
    for content in (encode_png(written), encode_palette_png(written, 3)):  # as earlier versions did
        (tmp_path / "own.png").write_bytes(content)
        table = read(tmp_path, parts, "own.png")
        assert np.array_equal(mask_of(tmp_path, table, 1), written)
    objects = [MaskFile("a_0.png"), MaskFile("a_1.png")]
    table = read(tmp_path, objects, "a_1.png")
    assert mask_of(tmp_path, table, 1).sum() == 12
    assert all(is_drawn(target) for target in table.images["target"])


@pytest.mark.parametrize(
    ("other", "reason"),
    [(np.zeros((HEIGHT, WIDTH + 1), np.uint8), "its files differ in size: 24 x 16, 25 x 16"),
     (np.repeat(np.arange(8, dtype=np.uint8), 48).reshape(HEIGHT, WIDTH), "has several values"),
     (b"broken", "")],
    ids=["size", "values", "damage"],
)  # fmt: skip
def test_layers_that_do_not_fit_make_the_mask_unusable(tmp_path: Path, other: Any, reason: str) -> None:
    good = MaskFile(write(tmp_path, "a.png", rectangle(0, 0, 4, 4)))
    if isinstance(other, bytes):
        (tmp_path / "b.png").write_bytes(other)
    else:
        write(tmp_path, "b.png", other)
    table = read(tmp_path, [good], [good, MaskFile("b.png")])
    assert table.images["target"].null_count() == 1
    assert table.oddities[0].reason.startswith("a.png and 1 more: ")
    assert reason in table.oddities[0].reason


def test_a_change_of_any_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    files = [MaskFile(write(tmp_path, f"{n}.png", rectangle(n, n, n + 3, n + 4))) for n in range(3)]
    before = read(tmp_path, files)
    write(tmp_path, "0.png", rectangle(9, 9, 12, 13))  # of the same size, in bytes too
    after = read(tmp_path, files)
    assert before.images["mask_sha256"][0] != after.images["mask_sha256"][0]
    assert mask_of(tmp_path, after)[9, 9] == 1
    with pytest.raises(ValueError, match="changed"):
        mask_of(tmp_path, before)


def test_a_target_in_words() -> None:
    assert describe_target("masks/a.png") == "masks/a.png"
    assert describe_target(write_mask_files([MaskFile("a.png")])) == "a.png"
    assert describe_target(write_mask_files([MaskFile("a.png"), MaskFile("b.png"), MaskFile("c.png")])) == (
        "a.png and 2 more"
    )
