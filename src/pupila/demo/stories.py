"""The stories that `pupila demo` tells, in one literal dict."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pupila import files, flow
from pupila.dataset.open import open as open_data
from pupila.demo.faults import PLANTED, plant_faults
from pupila.demo.packages import WITH, WITHOUT, write_shop
from pupila.doctor.faults import Fault
from pupila.errors import PupilaError
from pupila.explore.sentences import sentences
from pupila.messages import say

PRODUCTS = 160
_SEED = 23
_BY = r"(p\d+)_"


def packages(out: str) -> None:
    """A shop of packages: generate, doctor, explore, split by product."""
    start = time.monotonic()
    folder = _fresh(Path(out), "synthetic_packages")
    _step(say("Drawing a synthetic shop of food packages, a fifth with black octagons"))
    count = write_shop(folder, PRODUCTS, _SEED)
    _spoil(folder)
    print(say("{n} synthetic photos of {products} products, and a few planted faults, in {path}",
              n=count, products=PRODUCTS, path=folder))  # fmt: skip
    _step(f"pupila doctor {folder}")
    data = open_data(folder)
    print(data)
    _print_faults(flow.doctor(data))
    _step(f"pupila split {folder} --by '{_BY}'")
    made = flow.split(data, by=_BY, replace=True)
    for name, row in made.balance.items():
        if name != "largest_deviation":
            print(say("  {name}: {images} images of {groups} products", name=name, **_two(row)))
    print(say("Verdict: {verdict}.", verdict=made.verdict))
    _step(f"pupila explore {folder}")
    explored = flow.explore(data)
    for sentence in sentences(explored.fingerprint):
        print(sentence)
    print("\n" + say("Done in {seconds:.0f} s, all on synthetic data. Look at: {path}",
                     seconds=time.monotonic() - start, path=explored.page))  # fmt: skip
    print(say("Your own images: pupila doctor FOLDER"))


def faults(out: str) -> None:
    """A folder in which nearly everything is wrong, and what the doctor says."""
    folder = _fresh(Path(out), "synthetic_faults")
    plant_faults(folder)
    _step(f"pupila doctor {folder}")
    found = flow.doctor(folder)
    _print_faults(found)
    missed = sorted(set(PLANTED) - {fault.code for fault in found})
    print(
        "\n"
        + say(
            "Planted: {n} faults; missed: {missed}.", n=len(PLANTED), missed=", ".join(missed) or say("none")
        )
    )


STORIES: dict[str, Callable[[str], None]] = {"packages": packages, "faults": faults}


def _two(row: dict[str, int]) -> dict[str, int]:
    return {"images": row["images"], "groups": row["groups"]}


def _fresh(out: Path, name: str) -> Path:
    """An empty folder for the story; one that a story made before is emptied, nothing else is touched."""
    folder = out / name
    mark = out / f".{name}"
    if folder.exists() and not mark.exists():
        raise PupilaError(
            say("The demo writes its data anew"), found=say("{path}, which it did not make", path=folder),
            wanted=say("an empty place"), remedy="--out OTHER_FOLDER",
        )  # fmt: skip
    files.write_bytes(str(mark), b"")
    files.remove_folder(folder)
    folder.mkdir(parents=True)
    return folder


def _spoil(folder: Path) -> None:
    """What real shops hand out: copies, cut downloads, error pages, names that lie, turned photos."""
    photos = sorted((folder / WITHOUT).glob("*.jpg"))
    whole = photos[0].read_bytes()
    (folder / WITHOUT / "p900_0.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / WITHOUT / "p901_0.jpg").write_bytes(b"<!DOCTYPE html><html>404 not found</html>")
    (folder / WITHOUT / "p902_0.jpg").write_bytes(b"")
    for number, photo in enumerate(photos[10:70:12]):
        picture = Image.open(photo).convert("RGB")
        picture.resize((250, 250)).save(folder / WITHOUT / f"p{910 + number}_0.jpg", quality=50)
    (folder / WITHOUT / "p920_0.jpg").write_bytes(photos[5].read_bytes())
    marked = Image.open(min((folder / WITH).glob("*.jpg"))).convert("RGB")
    marked.save(folder / WITHOUT / "p921_0.jpg", quality=70)
    lying = io.BytesIO()
    Image.open(photos[3]).convert("RGB").crop((10, 10, 490, 490)).save(lying, "PNG")
    (folder / WITHOUT / "p922_0.jpg").write_bytes(lying.getvalue())
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.rot90(np.asarray(Image.open(photos[20]))[:, 15:-15])).save(
        folder / WITHOUT / "p923_0.jpg", exif=turned, quality=85
    )
    Image.new("RGB", (500, 500), (245, 245, 245)).save(folder / WITHOUT / "p924_0.jpg")


def _step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def _print_faults(found: list[Fault]) -> None:
    for fault in found:
        print(f"{fault.severity:8} {fault.code} ({fault.count}): {fault.examples[0]}")
        print("         " + say("Mend: {mend}.", mend=fault.mend))
