"""A synthetic folder with nearly every fault that the doctor detects, each planted on purpose."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pupila.core import files
from pupila.core.csv_text import csv_text
from pupila.demo.packages import draw_products, photograph

# Every code that `plant_faults` provokes; single-class and changed-file need a data set of their own.
PLANTED = (
    "unreadable", "truncated", "empty-file", "not-an-image", "unsupported-format", "oversized", "broken-link",
    "other-file", "hidden-file", "wrong-extension", "exif-rotated", "single-colour", "extreme-aspect-ratio", "tiny",
    "multi-frame", "sixteen-bit", "transparent", "mixed-colour-modes", "exact-duplicates", "near-duplicates",
    "mirrored-duplicates", "image-sequences", "conflicting-labels", "small-class", "class-name-variants", "empty-class",
    "unlabelled",
    "row-without-image", "image-url", "image-without-row", "duplicate-row", "conflicting-rows", "unknown-split",
    "class-missing-from-split", "leaking-split", "folder-predicts-label", "column-predicts-label",
    "property-predicts-label", "possible-groups",
)  # fmt: skip

_EACH = 40  # photos without faults of each class
_FRAMES = 6  # of a video
Row = tuple[str, str, str, str, str]  # file_name, label, split, shop, product


def plant_faults(folder: Path, seed: int = 7) -> None:
    """Write `metadata.csv`, two folders of photos, and every fault of `PLANTED`."""
    rows = list(_write_sound_photos(folder, seed))
    first_photo = Image.open(folder / rows[0][0]).convert("RGB")
    rows += _write_broken_files(folder)
    rows += _write_odd_images(folder)
    rows += _write_copies(folder, first_photo, rows[0][0])
    rows += _write_frames(folder)
    rows += _write_odd_rows(folder, rows)
    text = csv_text([("file_name", "label", "split", "shop", "product"), *rows])
    files.write_bytes(str(folder / "metadata.csv"), text.encode())


def _write_sound_photos(folder: Path, seed: int) -> Iterator[Row]:
    """Photos whose folder, shop and size all leak the label, with several photos per product."""
    rng = np.random.default_rng(seed)
    products = draw_products(20, seed)
    for number in range(2 * _EACH):
        label = "with" if number < _EACH else "without"
        product = products[number // 4]
        name = f"{'left' if label == 'with' else 'right'}/photo_{number:03d}.jpg"
        picture = Image.open(io.BytesIO(photograph(product.package, rng)))
        side = 300 if label == "with" else 260
        _save(folder / name, picture.resize((side, side)))
        # test lacks the class "without"
        split = ("train", "validation", "test" if label == "with" else "train")[number % 3]
        yield name, label, split, "north" if label == "with" else "south", f"p{number // 4}"


def _write_broken_files(folder: Path) -> list[Row]:
    """Unusable files, and files that are not images."""
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(buffer, "JPEG")
    whole = buffer.getvalue()
    files.write_bytes(str(folder / "left/cut.jpg"), whole[: len(whole) // 2])
    files.write_bytes(str(folder / "left/damaged.png"), b"\x89PNG\r\n\x1a\n" + b"\x00" * 200)
    files.write_bytes(str(folder / "left/empty.jpg"), b"")
    files.write_bytes(str(folder / "left/error.jpg"), b"<!DOCTYPE html><html>404 not found</html>")
    files.write_bytes(str(folder / "left/poster.psd"), b"8BPS\0\x01")
    files.write_bytes(str(folder / "left/notes.txt"), b"remember to label these")
    files.write_bytes(str(folder / "left/.DS_Store"), b"\0\0\0\x01Bud1")
    Image.new("1", (10_000, 9_000)).save(folder / "left/huge.png")
    (folder / "left/lost.jpg").unlink(missing_ok=True)
    (folder / "left/lost.jpg").symlink_to("nowhere.jpg")
    names = ("cut.jpg", "empty.jpg", "error.jpg", "huge.png", "lost.jpg")
    # the only image of the class "ghost" is damaged, so the class is empty
    return [*(_row(f"left/{name}") for name in names), _row("left/damaged.png", "ghost")]


def _write_odd_images(folder: Path) -> list[Row]:
    """Readable images that deserve a check."""
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (240, 240, 3), dtype=np.uint8)
    _save(folder / "left/one_colour.png", Image.new("RGB", (300, 300), (200, 30, 40)))
    _save(folder / "left/banner.jpg", Image.fromarray(noise).resize((900, 120)))
    _save(folder / "left/thumb.jpg", Image.fromarray(noise[:24, :24]))
    _save(folder / "left/moving.gif", Image.fromarray(noise), save_all=True,
          append_images=[Image.fromarray(noise[::-1].copy())])  # fmt: skip
    _save(folder / "left/deep.png", Image.fromarray(noise[::2, ::2, 0].astype(np.uint16) * 257))
    _save(folder / "left/glass.png", Image.fromarray(np.dstack([noise[:, ::-1], noise[..., :1]])))
    content = io.BytesIO()
    Image.fromarray(noise.transpose(1, 0, 2).copy()).save(content, "PNG")
    files.write_bytes(str(folder / "left/png_inside.jpg"), content.getvalue())
    turned = Image.Exif()
    turned[0x0112] = 6
    _save(folder / "left/turned.jpg", Image.fromarray(noise[::-1, ::-1].copy()), exif=turned)
    names = ("one_colour.png", "banner.jpg", "thumb.jpg", "moving.gif", "deep.png", "glass.png", "png_inside.jpg",
             "turned.jpg")  # fmt: skip
    return [_row(f"left/{name}") for name in names]


def _write_copies(folder: Path, first: Image.Image, name: str) -> list[Row]:
    """Copies of the first photo (class "with", split train)."""
    files.write_bytes(str(folder / "left/same_bytes.jpg"), (folder / name).read_bytes())
    _save(folder / "right/same_bytes_other_label.jpg", first, quality=95)
    _save(folder / "left/half.jpg", first.resize((150, 150)), quality=50)
    _save(folder / "left/mirror.jpg", first.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    return [
        _row("left/same_bytes.jpg", split="test"), _row("right/same_bytes_other_label.jpg", "without"),
        _row("left/half.jpg"), _row("left/mirror.jpg"),
    ]  # fmt: skip


def _write_frames(folder: Path) -> list[Row]:
    """Frames of a video: a grey square moves through the scene."""
    package = draw_products(1, 98)[0].package
    scene = Image.open(io.BytesIO(photograph(package, np.random.default_rng(3)))).convert("RGB")
    rows, side = [], scene.width // 16
    for number in range(_FRAMES):
        frame = scene.copy()
        frame.paste((128, 128, 128), (number * side, side, (number + 1) * side, 2 * side))
        _save(folder / f"right/film_{number}.jpg", frame, quality=95)
        rows.append(_row(f"right/film_{number}.jpg", "without"))
    return rows


def _write_odd_rows(folder: Path, rows: list[Row]) -> list[Row]:
    """Rows without image, images without row, labels that differ by case, unknown splits."""
    rng = np.random.default_rng(2)
    package = draw_products(3, 99)
    extra = ("variant.jpg", "blank.jpg", "rare.jpg", "elsewhere.jpg", "no_row.jpg")
    for number, name in enumerate(extra):
        files.write_bytes(str(folder / "right" / name), photograph(package[number % 3].package, rng))
    again, disagreeing = rows[1], rows[2]
    return [
        _row("right/variant.jpg", "Without "), _row("right/blank.jpg", ""), _row("right/rare.jpg", "rare"),
        _row("right/elsewhere.jpg", "without", "spare"), _row("right/gone.jpg", "without"),
        _row("https://shop.invalid/1.jpg", "without"), again,
        (disagreeing[0], "without", *disagreeing[2:]),
    ]  # fmt: skip


def _row(name: str, label: str = "with", split: str = "train") -> Row:
    return name, label, split, "north" if label == "with" else "south", "p0"


def _save(path: Path, picture: Image.Image, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)  # type: ignore[arg-type]
