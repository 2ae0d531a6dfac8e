"""Reading and writing the folder: whole or not at all, and refused where a hash does not fit."""

import contextlib
import io
import os
import shutil
import uuid
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import ValidationError

from pupila.artifacts.bundle.schema import SCHEMA_VERSION, BundleInfo
from pupila.artifacts.bundle.session import Session
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.imaging.geotiff.picture import read_picture
from pupila.imaging.images.decode import Array, ImageLimits
from pupila.imaging.images.prepare import Preparation
from pupila.tasks import TASKS
from pupila.tasks.task import Prepared, Runs, Task

INFO_FILE = "bundle.json"
MODEL_FILE = "model.onnx"  # of a task with one role
LEARNED_FILE, WEIGHTS_FILE = "learned.txt", "weights.safetensors"
GOLDEN = "golden"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read and found sound."""

    folder: str
    info: BundleInfo
    hash: str  # SHA-256 of bundle.json, which holds the hashes of all else

    def read(self, name: str) -> bytes:
        """The bytes of one of its files.

        Raises:
            PupilaError: the file was changed since the bundle was read.
        """
        content = files.read_bytes(files.join(self.folder, name))
        if files.sha256(content) != self.info.files[name]:
            raise _not_as_written(self.folder, [say("{name} was changed", name=name)])
        return content

    def learned_from(self) -> set[str]:
        """SHA-256 of the images that it learned from or was chosen by: on these its figures flatter."""
        return set(self.read(LEARNED_FILE).decode().split()) if LEARNED_FILE in self.info.files else set()


def read_bundle(path: str | Path) -> Bundle:
    """Read a bundle, or the one that a run's folder holds.

    Raises:
        PupilaError: no bundle, one of a later Pupila, or a file that was changed, added or lost.
    """
    folder = str(path).rstrip("/")
    if not files.exists(files.join(folder, INFO_FILE)) and files.exists(
        files.join(folder, f"bundle/{INFO_FILE}")
    ):
        folder = files.join(folder, "bundle")
    where = files.join(folder, INFO_FILE)
    if not files.exists(where):
        raise PupilaError(
            say("No bundle in {path}", path=path), found=say("no {name}", name=INFO_FILE),
            wanted=say("a bundle's folder, or that of a finished run"), remedy="pupila train DATA",
        )  # fmt: skip
    content = files.read_bytes(where)
    try:
        info = BundleInfo.model_validate_json(content)
    except ValidationError as fault:
        first = fault.errors()[0]
        raise PupilaError(
            say("Can't read {path}", path=where), found=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            wanted=f"schema {SCHEMA_VERSION}", remedy="pip install --upgrade pupila",
        ) from fault  # fmt: skip
    _check_files(folder, info)
    return Bundle(folder, info, files.sha256(content))


def _check_files(folder: str, info: BundleInfo) -> None:
    there = {entry.path for entry in files.walk(folder) if not files.is_hidden(entry.path)} - {INFO_FILE}
    odd = [say("{name} is missing", name=name) for name in sorted(info.files.keys() - there)]
    odd += [say("{name} does not belong there", name=name) for name in sorted(there - info.files.keys())]
    odd += [
        say("{name} was changed", name=name)
        for name, digest in info.files.items()
        if name in there and files.sha256(files.read_bytes(files.join(folder, name))) != digest
    ]
    if odd:
        raise _not_as_written(folder, odd)


def _not_as_written(folder: str, odd: list[str]) -> PupilaError:
    return PupilaError(
        say("The bundle {folder} is not as it was written", folder=folder), found=listing(odd),
        wanted=say("the files that bundle.json names, unchanged"), remedy=say("copy it again, or train anew"),
    )  # fmt: skip


def write_bundle(folder: str | Path, info: BundleInfo, parts: dict[str, bytes]) -> Bundle:
    """Write a bundle beside its place, then move it there whole; a bundle that was there before is replaced.

    Args:
        folder: on disk.
        info: without golden answers and hashes, which are made here.
        parts: file name to content; an ONNX file for each role of the task must be among them.
    """
    task = TASKS[info.task]
    runs = {role: Session(parts[file_of(role)]).run for role in task.roles}
    pictures = dict(islice(golden_pictures().items(), task.golden))
    answers = {
        name: task.digest(task.trial(runs, prepared(data, task, info.preparation).inputs[:1]))
        for name, data in pictures.items()
    }
    whole = {**parts, **{f"{GOLDEN}/{name}": data for name, data in pictures.items()}}
    info = info.model_copy(
        update={
            "golden": answers,
            "files": {name: files.sha256(data) for name, data in sorted(whole.items())},
        }
    )
    content = (info.model_dump_json(indent=1, by_alias=True) + "\n").encode()
    target = Path(folder)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        for name, data in {**whole, INFO_FILE: content}.items():
            files.write_bytes(str(beside / name), data)
        if target.exists():
            old = target.with_name(f".{target.name}.old")
            files.remove_folder(old)
            os.replace(target, old)  # noqa: PTH105 -- the folder moves whole
        os.replace(beside, target)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            shutil.rmtree(beside)
        raise
    files.remove_folder(target.with_name(f".{target.name}.old"))
    return Bundle(str(target), info, files.sha256(content))


def prepared(data: bytes, task: Task, spec: Preparation, limits: ImageLimits | None = None) -> Prepared:
    """From the bytes of an image to the model's inputs: the one way, for training, export, predict and serve.

    Raises:
        ImageFault: no usable image.
    """
    seen = read_picture(data, spec.bands, limits, task.at_least(spec))
    return Prepared(task.inputs(seen.rgb, spec), seen.header.height, seen.header.width, seen.valid)


def golden_pictures() -> dict[str, bytes]:
    """Drawn pictures with what is awkward about real ones: turned, palette, 16 bit, transparent, wide, tiny."""
    rng = np.random.default_rng(7)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    scene = coarse.resize((320, 240), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[0x0112] = 6
    glass = scene.convert("RGBA")
    glass.putalpha(scene.convert("L"))
    deep = Image.fromarray(np.asarray(scene.convert("L")).astype(np.uint16) * 257)
    return {
        "turned.jpg": _saved(scene, "JPEG", exif=turned, quality=90),
        "ink.jpg": _saved(scene.convert("CMYK"), "JPEG", quality=90),
        "palette.png": _saved(scene.quantize(32), "PNG"),
        "glass.png": _saved(glass, "PNG"),
        "deep.png": _saved(deep, "PNG"),
        "wide.webp": _saved(scene.resize((640, 60)), "WEBP", lossless=True),
        "tiny.gif": _saved(scene.resize((7, 5)), "GIF"),
    }


def _saved(picture: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def file_of(role: str) -> str:
    """The ONNX file of one of a task's roles."""
    return f"{role}.onnx"


def check_golden(bundle: Bundle, runs: Runs) -> None:
    """Whether the drawn pictures get the answers that they got where the bundle was made.

    Raises:
        PupilaError: an answer is off: another runtime, decoder or processor answers differently.
    """
    info, task = bundle.info, TASKS[bundle.info.task]
    for name, expected in info.golden.items():
        image = prepared(bundle.read(f"{GOLDEN}/{name}"), task, info.preparation)
        off = _difference(np.asarray(task.digest(task.trial(runs, image.inputs[:1]))), np.asarray(expected))
        if not off <= info.golden_tolerance:
            raise PupilaError(
                say("The bundle answers otherwise here than where it was made"),
                found=say("{name} is off by {off:.2g} of the largest logit", name=name, off=off),
                wanted=say("at most {most:.0e}", most=info.golden_tolerance),
                remedy=say("the library versions of the machine that made it: pupila doctor shows them"),
            )


def _difference(ours: Array, theirs: Array) -> float:
    return float(np.abs(ours - theirs).max() / max(float(np.abs(theirs).max()), 1e-6))
