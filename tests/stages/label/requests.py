"""Images of known classes, and a local server that labels them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

import pupila
from pupila.artifacts.dataset.labels import read_history
from pupila.demo.labeller import Loopback, nearest_label, run_loopback
from pupila.stages.label.run import LabellingResult
from tests.pictures import write_photo

CLASSES = ("cat", "dog")
KEY = "sk-test-0123456789abcdef"
QUESTION = "prompt: What is it?\nclasses: {cat: it purrs, dog: null}\n"


def shop(folder: Path, count: int = 6) -> Path:
    """`0.png`, `1.png`, ...: cats have even numbers."""
    for number in range(count):
        write_photo(folder / f"{number:02d}.png", number)
    (folder.parent / "question.yaml").write_text(QUESTION)
    return folder


def true_class(image: str) -> str:
    """The class of an image of the shop."""
    return CLASSES[int(Path(image).stem) % 2]


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[Loopback]:
    """A server that knows the classes of the shop."""
    data = pupila.open(folder)
    with run_loopback(
        Loopback(nearest_label(data, [true_class(image) for image in data.images["image"]]), **options)
    ) as server:
        yield server


def label_settings(server: Loopback, folder: Path, **changes: Any) -> dict[str, Any]:
    """Settings for the server; its key is in PUPILA_TEST_KEY."""
    values = {
        "base_url": server.url,
        "question": str(folder.parent / "question.yaml"),
        "retries": 2,
        "concurrency": 4,
    }
    return {**values, **changes}


def ask(
    server: Loopback, folder: Path, limit: int | None = None, everything: bool = False, **changes: Any
) -> LabellingResult:
    """Label the shop; each test's own folder is its model, so that no test reads cached answers of another."""
    values = label_settings(server, folder, **changes)
    return pupila.label(folder, with_=f"vlm:{folder}", limit=limit, everything=everything, **values)


def read_rows(folder: Path) -> pl.DataFrame:
    """The history."""
    return read_history(str(folder))


def targets(folder: Path) -> dict[str, str | None]:
    """The labels in force."""
    return dict(pupila.open(folder).images.select("image", "target").iter_rows())
