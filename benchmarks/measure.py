"""Shared by the benchmarks: real data, a clock, and a new cache."""

import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pupila
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.run.source import parse_predicting

REPOSITORY = Path(__file__).parent.parent


def real_data(name: str) -> Path | None:
    """A real data set, or None where it is absent."""
    return _existing(Path(os.environ.get("PUPILA_DATA", REPOSITORY.parent / "shared/data")) / name)


def _existing(path: Path) -> Path | None:
    if path.exists():
        return path
    print(f"  {path.name} is missing: skipped")
    return None


def real_weights(name: str) -> Path | None:
    """A file of pretrained weights, or None where it is absent."""
    return _existing(Path(os.environ.get("PUPILA_WEIGHTS", REPOSITORY.parent / "shared/weights")) / name)


def trained_bundle(photos: Path, weights: Path, **settings: Any) -> Path:
    """The bundle of a short training, in a new folder."""
    folder = Path(tempfile.mkdtemp())
    shutil.copytree(photos, folder / "data")
    pupila.train(
        folder / "data",
        out=folder / "run",
        model=weights.stem,
        weights=str(weights),
        epochs=1,
        unfreeze=0,
        augment="none",
        **settings,
    )
    return folder / "run"


def bare_rate(bundle: Path, images: list[bytes]) -> float:
    """Images per second of nothing but decoding and the model, one image a time on every core."""
    predictor = Predictor(parse_predicting(bundle).bundle)

    def predict_one(image: bytes) -> object:
        return predictor.logits(predictor.preprocess(image).inputs)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(predict_one, images[:8]))
        return len(images) / seconds(lambda: list(pool.map(predict_one, images)))


def seconds(work: Callable[[], object]) -> float:
    """How long the work took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def side_by_side(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 3
) -> tuple[float, float]:
    """Median seconds of both, measured in turns, so that a busy machine slows both."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def compile_modules() -> None:
    """Compile all installed modules once, as pip does: elsewhere every process of both sides would compile its own."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir(), "pupila-bytecode"))
    folders = [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), str(REPOSITORY / "src")]
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", *folders]
    subprocess.run(command, check=False, capture_output=True)  # some packages have files for other versions


def new_cache() -> None:
    """Start with an empty cache."""
    os.environ["PUPILA_CACHE"] = tempfile.mkdtemp(dir=os.environ.get("PUPILA_CACHE"))
