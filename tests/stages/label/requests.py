"""Pictures whose class is known, and a server on this machine that is asked for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

import pupila
from pupila.artifacts.dataset.labels import history
from pupila.demo.labeller import Loopback, answering, nearest
from pupila.stages.label.run import Labelled
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


def truth(image: str) -> str:
    """The class of an image of the shop."""
    return CLASSES[int(Path(image).stem) % 2]


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[Loopback]:
    """A server that knows the shop."""
    data = pupila.open(folder)
    with answering(
        Loopback(nearest(data, [truth(image) for image in data.images["image"]]), **options)
    ) as server:
        yield server


def wish(server: Loopback, folder: Path, **changes: Any) -> dict[str, Any]:
    """Settings that ask the server; its key is in PUPILA_TEST_KEY."""
    told = {"base_url": server.url, "task": str(folder.parent / "question.yaml"), "retries": 2, "workers": 4}
    return {**told, **changes}


def ask(
    server: Loopback, folder: Path, limit: int | None = None, everything: bool = False, **changes: Any
) -> Labelled:
    """Label the shop; each test's own folder is its model, so that no test remembers another's answers."""
    told = wish(server, folder, **changes)
    return pupila.label(folder, with_=f"vlm:{folder}", limit=limit, everything=everything, **told)


def told(folder: Path) -> pl.DataFrame:
    """The history."""
    return history(str(folder))


def targets(folder: Path) -> dict[str, str | None]:
    """What is in force."""
    return dict(pupila.open(folder).images.select("image", "target").iter_rows())
