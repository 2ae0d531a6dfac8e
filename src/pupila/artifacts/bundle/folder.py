"""Read and write a bundle's folder: written whole or not at all, refused where a hash does not match."""

from dataclasses import dataclass
from pathlib import Path

from pupila.artifacts.bundle.golden import GOLDEN, predict_golden
from pupila.artifacts.bundle.info_file import (
    INFO_FILE,
    ascii_text,
    check_consistency,
    modification_error,
    read_info,
    seal,
)
from pupila.artifacts.bundle.parts import HASH, check_files, check_parts, onnx_file
from pupila.artifacts.bundle.runtime import this_runtime
from pupila.artifacts.bundle.schema import BundleInfo
from pupila.artifacts.bundle.session import Session
from pupila.core import files, folders
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.tasks import TASKS

MODEL_FILE = "model.onnx"  # of a task with one role
TRAINING_IMAGES_FILE, WEIGHTS_FILE = "training_images.txt", "weights.safetensors"
HEADS_FILE = "heads.safetensors"  # of an ensemble on one encoder: the heads that were joined to one
CARD_FILE, CALIBRATION_IMAGES_FILE = "card.md", "calibration_images.txt"


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
            PupilaError: the bundle has no such file, or it has changed since the bundle was read.
        """
        if name not in self.info.files:
            raise modification_error(self.folder, [say("{name} is missing", name=name)])
        try:
            content = files.read_bytes(files.join(self.folder, name))
        except OSError as fault:
            raise modification_error(self.folder, [f"{name}: {fault.strerror or fault}"]) from fault
        if files.sha256(content) != self.info.files[name]:
            raise modification_error(self.folder, [say("{name} was changed", name=name)])
        return content

    def training_images(self) -> set[str]:
        """SHA-256 of the images used for training or model selection: metrics on these are optimistically biased.

        Raises:
            PupilaError: the file holds something else.
        """
        if TRAINING_IMAGES_FILE not in self.info.files:
            return set()
        digests = set(self.read(TRAINING_IMAGES_FILE).decode("ascii", "replace").split())
        if other := [text for text in digests if not HASH.fullmatch(text)]:
            raise PupilaError(
                say("Can't read {path}", path=files.join(self.folder, TRAINING_IMAGES_FILE)),
                actual=ascii_text(other[0]), expected=say("64 hexadecimal digits in each line"),
                remedy=say("copy the bundle again, or retrain"),
            )  # fmt: skip
        return digests


def has_bundle(folder: str) -> bool:
    """Whether there is a `bundle.json`; a bundle whose replacement was interrupted is brought back first.

    Raises:
        PupilaError: it can't be brought back.
    """
    if not files.is_remote(folder):
        folders.restore_folder(folder)
    return files.exists(files.join(folder, INFO_FILE))


def read_bundle(path: str | Path) -> Bundle:
    """Read and verify a bundle.

    Raises:
        PupilaError: no bundle, one of another schema, one that contradicts itself, or a file that was changed, added or
            deleted.
    """
    folder = str(path).rstrip("/")
    uri = files.join(folder, INFO_FILE)
    if not has_bundle(folder):
        raise PupilaError(
            say("No bundle in {path}", path=path), actual=say("no {name}", name=INFO_FILE),
            expected=say("the folder of a bundle or of a finished run"), remedy="pupila train DATA",
        )  # fmt: skip
    bundle = Bundle(folder, read_info(uri))
    check_parts(folder, bundle.info)
    check_files(folder, bundle.info)
    return bundle


def check_pin(bundle: Bundle, sha256: str) -> None:
    """Refuse a bundle with another hash, which covers every file: nothing can be exchanged unnoticed.

    Args:
        bundle: read.
        sha256: the hash that it must have, 64 hexadecimal digits.

    Raises:
        PupilaError: both hashes.
    """
    expected = str(sha256).strip().lower()
    if not HASH.fullmatch(expected):
        raise PupilaError(
            say("Not a SHA-256"), actual=f"'{sha256}'", expected=say("64 hexadecimal digits"),
            remedy=say("the field hash of bundle.json, from where the bundle was made"),
        )  # fmt: skip
    if expected != bundle.hash:
        raise PupilaError(
            say("The bundle {folder} is another one", folder=bundle.folder), actual=f"SHA-256 {bundle.hash}",
            expected=expected, remedy=say("get the bundle from where it was made, or leave out its hash"),
        )  # fmt: skip


def write_bundle(folder: str | Path, info: BundleInfo, parts: dict[str, bytes]) -> Bundle:
    """Write a bundle to a temporary folder, then move it into place; an existing bundle is replaced.

    Args:
        folder: on disk.
        info: without golden predictions and hashes, which are computed here.
        parts: file name to content; must include an ONNX file for each role of the task.
    """
    target = Path(folder)
    check_consistency(str(target / INFO_FILE), info)
    runs = {role: Session(parts[onnx_file(role)]).run for role in TASKS[info.task].roles}
    images, golden = predict_golden(info, runs)
    whole = {**parts, **{f"{GOLDEN}/{name}": data for name, data in images.items()}}
    hashes = {name: files.sha256(data) for name, data in sorted(whole.items())}
    full = info.model_copy(update={"golden": golden, "runtime": this_runtime(), "files": hashes})
    info, content = seal(full)
    folders.replace_folder(target, {**whole, INFO_FILE: content})
    return Bundle(str(target), info)
