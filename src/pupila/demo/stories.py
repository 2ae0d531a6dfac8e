"""The stories that `pupila demo` tells, in one literal dict."""

import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pupila import files, flow
from pupila.bundle.folder import read_bundle
from pupila.bundle.predictor import Predictor
from pupila.dataset.open import open as open_data
from pupila.dataset.splits import Assignment, SplitFile
from pupila.demo.faults import PLANTED, plant_faults
from pupila.demo.floods import write_scenes
from pupila.demo.packages import WITH, WITHOUT, write_shop
from pupila.demo.round_trip import ask, served
from pupila.demo.shop import Shop
from pupila.doctor.faults import Fault
from pupila.errors import PupilaError
from pupila.evaluate.sentences import sentences as judged
from pupila.explore.sentences import sentences
from pupila.images.decode import ImageFault
from pupila.messages import say
from pupila.predict.rows import Output, for_people
from pupila.predict.tasks import TELLING
from pupila.train.page import sentences as told
from pupila.vocabulary import TEST

if TYPE_CHECKING:
    from pupila.train.run import Run

PRODUCTS = 320
_SEED = 23
_BY = r"(p\d+)_"
_TEST = 0.2  # share of the photos: 13 products with octagons, enough for an interval
_RECIPE: dict[str, Any] = {
    "weights": "none", "side": 112, "epochs": 16, "augment": "flip_rotation", "class_weights": "inverse",
}  # fmt: skip
_MODEL, _RIVAL = "resnet_small", "lenet"
SCENES = 140  # of floods
OFFERS = 120  # products of the web shop
_FLOOD_RECIPE: dict[str, Any] = {
    "model": "unet", "encoder": "resnet10t", "weights": "none", "side": 128, "epochs": 14, "learning_rate": 2e-3,
}  # fmt: skip
_SHOWN = 4  # photos that predict answers


def packages(out: str) -> None:
    """A shop of packages, from photos to a served classifier that knows black octagons."""
    start = time.monotonic()
    folder = _examined(out)
    runs = {
        name: _trained(folder, Path(out) / f"synthetic_run_{name}", {"model": name, **_RECIPE})
        for name in (_MODEL, _RIVAL)
    }
    best, rival = (runs[name].bundle.folder for name in (_MODEL, _RIVAL))
    _step(f"pupila evaluate {best} {folder} --against {rival}")
    done = flow.evaluate(best, folder, against=[rival])
    verdict = judged(done.evaluation)
    print("\n".join(verdict))
    _answered(best, [folder / row.image for row in _some_test_photos(folder)])
    print("\n" + say("Done in {seconds:.0f} s, all on synthetic data.", seconds=time.monotonic() - start))
    print(say("Verdict: {verdict}", verdict=verdict[0]))
    print(say("Look at: {path}", path=done.report))
    print(say("Serve it: {command}", command=f"pupila serve {best}"))
    print(say("Your own images: pupila doctor FOLDER"))


def _examined(out: str) -> Path:
    """Generate, doctor, split by product, explore; returns the data's folder."""
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
    _step(f"pupila split {folder} --by '{_BY}' --test {_TEST}")
    made = flow.split(data, by=_BY, test=_TEST, replace=True)
    for name, row in made.balance.items():
        if name != "largest_deviation":
            print(say("  {name}: {images} images of {groups} products", name=name, **_two(row)))
    print(say("Verdict: {verdict}.", verdict=made.verdict))
    _step(f"pupila explore {folder}")
    explored = flow.explore(data)
    for sentence in sentences(explored.fingerprint):
        print(sentence)
    print(say("Look at: {path}", path=explored.page))
    return folder


def _trained(folder: Path, run: Path, wish: dict[str, Any]) -> "Run":
    """Train from scratch, beside the data."""
    settings = " ".join(f"--set {name}={value}" for name, value in wish.items())
    _step(f"pupila train {folder} {settings} --out {run}")
    files.remove_folder(run)
    done = flow.train(folder, out=run, **wish)
    for sentence in told(done.plan, done.state, done.bundle.info):
        print(sentence)
    return done


def _sealed(folder: Path) -> list[Assignment]:
    """The images of the test split."""
    split = SplitFile.read(str(folder))
    assert split is not None  # it was made a minute ago
    return split.of(TEST)


def _some_test_photos(folder: Path) -> list[Assignment]:
    """Photos of the sealed test split, half of them with octagons where there are as many."""
    sealed = _sealed(folder)
    with_, without = ([row for row in sealed if row.image.startswith(name)] for name in (WITH, WITHOUT))
    return [*with_[: _SHOWN // 2], *without[: _SHOWN // 2]]


def _answered(bundle: str, photos: list[Path], out: str | None = None) -> None:
    """Predict, then serve: the same bundle, the same code, so the same answer."""
    _step(f"pupila predict {bundle} {photos[0]} ..." + (f" --out {out}" if out else ""))
    predictor = Predictor(read_bundle(bundle))
    telling = TELLING[predictor.info.task]
    uris = [str(photo) for photo in photos]
    for row in telling.rows(predictor, uris, Output(out)):
        print(for_people(row, telling))
    _step(f"pupila serve {bundle}")
    with served(bundle) as address:
        for photo, (_, known) in zip(photos, predictor.stream(uris), strict=True):
            assert not isinstance(known, ImageFault)  # it was read above
            told = ask(address, photo)
            same = abs(told["confidence"] - known.confidence) < 1e-4
            print(say(
                "{name}: the server is {confidence:.1%} sure after {ms:.0f} ms, {same}",
                name=photo.name, confidence=told["confidence"], ms=1e3 * told["processing_time"],
                same=say("as predict is") if same else say("unlike predict: please report this"),
            ))  # fmt: skip


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


def floods(out: str) -> None:
    """Flood scenes from the air, from drawn photos and masks to a served U-Net."""
    start = time.monotonic()
    folder = _fresh(Path(out), "synthetic_floods")
    _step(say("Drawing {n} synthetic scenes of floods, with the water as masks", n=SCENES))
    write_scenes(folder, SCENES, _SEED)
    _step(f"pupila doctor {folder}")
    data = open_data(folder)
    print(data)
    _print_faults(flow.doctor(data))
    _step(f"pupila split {folder}")
    print(say("Verdict: {verdict}.", verdict=flow.split(data, replace=True).verdict))
    _step(f"pupila explore {folder}")
    explored = flow.explore(data)
    print("\n".join(sentences(explored.fingerprint)))
    print(say("Look at: {path}", path=explored.page))
    run = _trained(folder, Path(out) / "synthetic_run_unet", _FLOOD_RECIPE)
    _step(f"pupila evaluate {run.bundle.folder} {folder}")
    done = flow.evaluate(run.bundle.folder, folder)
    verdict = judged(done.evaluation)
    print("\n".join(verdict))
    photos = [folder / row.image for row in _sealed(folder)[:_SHOWN]]
    _answered(run.bundle.folder, photos, f"{out}/synthetic_masks")
    print("\n" + say("Done in {seconds:.0f} s, all on synthetic data.", seconds=time.monotonic() - start))
    print(say("Verdict: {verdict}", verdict=verdict[0]))
    print(say("Look at: {path}", path=done.report))


def shop(out: str) -> None:
    """A web shop on this machine, collected with a browser where there is one, then examined."""
    from pupila.collect.browser import NAMES
    from pupila.collect.sentences import sentences as collected

    folder = _fresh(Path(out), "synthetic_collection")
    _step(say("Opening a synthetic web shop of {n} packages on this machine", n=OFFERS))
    with Shop(OFFERS, _SEED).open() as address:
        site, start = (
            ("disco", f"{address}/") if any(map(shutil.which, NAMES)) else ("static", f"{address}/static")
        )
        _step(
            f"pupila collect {site} --out {folder} --set start={start} --set allow_private=true --set rate=100"
        )
        done = flow.collect(site, out=folder, start=start, allow_private=True, rate=100, patience=2)
    print("\n".join(collected(done)))
    _step(f"pupila doctor {folder}")
    data = open_data(folder)
    print(data)
    _print_faults(flow.doctor(data))
    _step(f"pupila explore {folder}")
    print(say("Look at: {path}", path=flow.explore(data).page))


STORIES: dict[str, Callable[[str], None]] = {
    "packages": packages,
    "floods": floods,
    "shop": shop,
    "faults": faults,
}


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
