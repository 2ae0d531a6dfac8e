"""Read and write a bundle's folder: written whole or not at all, refused where a hash does not match."""

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

from pupila.artifacts.bundle.runtime import this_runtime
from pupila.artifacts.bundle.schema import BUNDLE_SCHEMA, BundleInfo
from pupila.artifacts.bundle.session import Session
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.installation import upgrade_command
from pupila.core.messages import listing, say, say_count
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.decode import Array, ImageLimits
from pupila.imaging.images.preprocess import Preprocessing
from pupila.tasks import TASKS
from pupila.tasks.task import PreprocessedImage, Runs, Task

INFO_FILE = "bundle.json"
MODEL_FILE = "model.onnx"  # of a task with one role
TRAINING_IMAGES_FILE, WEIGHTS_FILE = "training_images.txt", "weights.safetensors"
GOLDEN = "golden"


@dataclass(frozen=True, slots=True, repr=False)
class Bundle(Displayed):
    """A bundle whose files were read and verified."""

    folder: str
    info: BundleInfo

    def summary(self) -> Summary:
        """Task, classes and folder."""
        count = say_count("{n} class", "{n} classes", len(self.info.classes))
        facts = {say("folder"): self.folder, say("task"): self.info.task, say("classes"): ", ".join(self.info.classes),
                 "SHA-256": self.hash, say("created"): self.info.created}  # fmt: skip
        return Summary("Bundle", f"{self.folder}: {self.info.task}, {count}", facts)

    @property
    def hash(self) -> str:
        """SHA-256 of `bundle.json`, which holds the hashes of all other files."""
        return self.info.hash

    def read(self, name: str) -> bytes:
        """The bytes of one of its files.

        Raises:
            PupilaError: the file has changed since the bundle was read.
        """
        content = files.read_bytes(files.join(self.folder, name))
        if files.sha256(content) != self.info.files[name]:
            raise _modification_error(self.folder, [say("{name} was changed", name=name)])
        return content

    def training_images(self) -> set[str]:
        """SHA-256 of the images used for training or model selection: metrics on these are optimistically biased."""
        if TRAINING_IMAGES_FILE not in self.info.files:
            return set()
        return set(self.read(TRAINING_IMAGES_FILE).decode().split())


def read_bundle(path: str | Path) -> Bundle:
    """Read and verify a bundle.

    Raises:
        PupilaError: no bundle, one of another schema, or a file that was changed, added or deleted.
    """
    folder = str(path).rstrip("/")
    uri = files.join(folder, INFO_FILE)
    if not files.exists(uri):
        raise PupilaError(
            say("No bundle in {path}", path=path), actual=say("no {name}", name=INFO_FILE),
            expected=say("the folder of a bundle or of a finished run"), remedy="pupila train DATA",
        )  # fmt: skip
    try:
        content = files.read_bytes(uri)
        info = BundleInfo.model_validate_json(content)
    except OSError as fault:
        raise PupilaError(
            say("Can't read {path}", path=uri),
            actual=fault.strerror or str(fault),
            expected=say("a JSON file"),
        ) from fault
    except ValidationError as fault:
        _check_schema(uri)
        first = fault.errors()[0]
        raise PupilaError(
            say("Can't read {path}", path=uri), actual=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            expected=f"schema {BUNDLE_SCHEMA}", remedy=upgrade_command(),
        ) from fault  # fmt: skip
    _check_own_hash(folder, info, content)
    _check_files(folder, info)
    _check_parts(folder, info)
    return Bundle(folder, info)


def _check_schema(uri: str) -> None:
    """Refuse a bundle of another schema.

    Raises:
        PupilaError: the bundle is older or newer than this Pupila.
    """
    content = files.read_json(uri)
    version = content.get("schema") if isinstance(content, dict) else None
    if not isinstance(version, int) or version == BUNDLE_SCHEMA:
        return
    if version < BUNDLE_SCHEMA:
        problem, remedy = say("{path} was written by an older Pupila", path=uri), "pupila train DATA"
    else:
        problem, remedy = (
            say("{path} was written by a newer Pupila", path=uri),
            upgrade_command(),
        )
    raise PupilaError(problem, f"schema {version}", f"schema {BUNDLE_SCHEMA}", remedy)


def seal(info: BundleInfo) -> tuple[BundleInfo, bytes]:
    """The content of `bundle.json`, and the same record with its own hash."""
    unsealed = _to_json(info.model_copy(update={"hash": ""}))
    sealed = info.model_copy(update={"hash": files.sha256(unsealed)})
    return sealed, _to_json(sealed)


def _to_json(info: BundleInfo) -> bytes:
    return (info.model_dump_json(indent=1, by_alias=True) + "\n").encode()


def _check_own_hash(folder: str, info: BundleInfo, content: bytes) -> None:
    """Refuse a `bundle.json` that was changed after it was written.

    Raises:
        PupilaError: its bytes without the hash do not have that hash.
    """
    unsealed = content.replace(f'"hash": "{info.hash}"'.encode(), b'"hash": ""', 1)
    if files.sha256(unsealed) != info.hash:
        raise _modification_error(folder, [say("{name} was changed", name=INFO_FILE)])


def _check_files(folder: str, info: BundleInfo) -> None:
    present = {entry.path for entry in files.walk(folder) if not files.is_hidden(entry.path)} - {INFO_FILE}
    faults = [say("{name} is missing", name=name) for name in sorted(info.files.keys() - present)]
    faults += [
        say("{name} is not part of the bundle", name=name) for name in sorted(present - info.files.keys())
    ]
    faults += [
        say("{name} was changed", name=name)
        for name, digest in info.files.items()
        if name in present and files.sha256(files.read_bytes(files.join(folder, name))) != digest
    ]
    if faults:
        raise _modification_error(folder, faults)


def _check_parts(folder: str, info: BundleInfo) -> None:
    """Refuse a bundle that lists too little to predict, and to check its predictions.

    Raises:
        PupilaError: a task that this Pupila does not have, no model, or no golden predictions.
    """
    uri, task = files.join(folder, INFO_FILE), TASKS.get(info.task)
    if task is None:
        raise PupilaError(
            say("Can't read {path}", path=uri), actual=f"task: {info.task}", expected=listing(list(TASKS)),
            remedy=upgrade_command(),
        )  # fmt: skip
    needed = [*(onnx_file(role) for role in task.roles), *(f"{GOLDEN}/{name}" for name in info.golden)]
    faults = [say("{name} is missing", name=name) for name in needed if name not in info.files]
    if faults or not info.golden:
        raise _modification_error(folder, faults or [say("{name} is missing", name="golden")])


def _modification_error(folder: str, faults: list[str]) -> PupilaError:
    return PupilaError(
        say("The bundle {folder} was modified", folder=folder), actual=listing(faults),
        expected=say("the files listed in bundle.json, unchanged"), remedy=say("copy the bundle again, or retrain"),
    )  # fmt: skip


def write_bundle(folder: str | Path, info: BundleInfo, parts: dict[str, bytes]) -> Bundle:
    """Write a bundle to a temporary folder, then move it into place; an existing bundle is replaced.

    Args:
        folder: on disk.
        info: without golden predictions and hashes, which are computed here.
        parts: file name to content; must include an ONNX file for each role of the task.
    """
    task = TASKS[info.task]
    runs = {role: Session(parts[onnx_file(role)]).run for role in task.roles}
    images = dict(islice(golden_images().items(), task.golden))
    golden = {
        name: task.digest(task.trial(runs, preprocess_bytes(data, task, info.preprocessing).inputs[:1]))
        for name, data in images.items()
    }
    whole = {**parts, **{f"{GOLDEN}/{name}": data for name, data in images.items()}}
    full = info.model_copy(
        update={
            "golden": golden,
            "runtime": this_runtime(),
            "files": {name: files.sha256(data) for name, data in sorted(whole.items())},
        }
    )
    info, content = seal(full)
    target = Path(folder)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        for name, data in {**whole, INFO_FILE: content}.items():
            files.write_bytes(str(temporary / name), data)
        if target.exists():
            old = target.with_name(f".{target.name}.old")
            files.remove_folder(old)
            os.replace(target, old)  # noqa: PTH105 -- the folder moves whole
        os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            shutil.rmtree(temporary)
        raise
    files.remove_folder(target.with_name(f".{target.name}.old"))
    return Bundle(str(target), info)


def preprocess_bytes(
    data: bytes, task: Task, spec: Preprocessing, limits: ImageLimits | None = None
) -> PreprocessedImage:
    """The model's inputs from the bytes of an image: the same for training, export, predict and serve.

    Raises:
        ImageFault: not a usable image.
    """
    image = read_image(data, spec.bands, limits, task.min_decode_side(spec))
    return PreprocessedImage(
        task.inputs(image.rgb, spec), image.header.height, image.header.width, image.valid
    )


def golden_images() -> dict[str, bytes]:
    """Synthetic images with the difficulties of real ones: rotated, palette, 16-bit, transparent, wide, tiny."""
    rng = np.random.default_rng(7)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    scene = coarse.resize((320, 240), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[0x0112] = 6
    glass = scene.convert("RGBA")
    glass.putalpha(scene.convert("L"))
    deep = Image.fromarray(np.asarray(scene.convert("L")).astype(np.uint16) * 257)
    return {
        "turned.jpg": _encode(scene, "JPEG", exif=turned, quality=90),
        "ink.jpg": _encode(scene.convert("CMYK"), "JPEG", quality=90),
        "palette.png": _encode(scene.quantize(32), "PNG"),
        "glass.png": _encode(glass, "PNG"),
        "deep.png": _encode(deep, "PNG"),
        "wide.webp": _encode(scene.resize((640, 60)), "WEBP", lossless=True),
        "tiny.gif": _encode(scene.resize((7, 5)), "GIF"),
    }


def _encode(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def onnx_file(role: str) -> str:
    """The ONNX file of one of a task's roles."""
    return f"{role}.onnx"


def check_golden(bundle: Bundle, runs: Runs) -> None:
    """Check that the golden images give the same predictions as on the machine that made the bundle.

    Raises:
        PupilaError: a prediction differs, because of another runtime, decoder or processor.
    """
    info, task = bundle.info, TASKS[bundle.info.task]
    for name, expected in info.golden.items():
        image = preprocess_bytes(bundle.read(f"{GOLDEN}/{name}"), task, info.preprocessing)
        actual = np.asarray(task.digest(task.trial(runs, image.inputs[:1])))
        difference = _relative_difference(actual, np.asarray(expected))
        if not difference <= info.golden_tolerance:
            raise PupilaError(
                say("The model's predictions on this machine differ from those stored in the bundle"),
                actual=say(
                    "a relative difference of {difference} for {name}",
                    difference=f"{difference:.2g}",
                    name=name,
                ),
                expected=say("at most {tolerance}", tolerance=f"{info.golden_tolerance:.0e}"),
                remedy=say(
                    "install the library versions of the machine that made it; pupila doctor lists them"
                ),
            )


def _relative_difference(actual: Array, expected: Array) -> float:
    return float(np.abs(actual - expected).max() / max(float(np.abs(expected).max()), 1e-6))
