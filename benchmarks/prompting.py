"""Tuning a decoder under a ViT-B sized SAM (random weights) against a script that encodes in every epoch.

The script is timed on a few images of one epoch and extrapolated: it repeats the same work in every epoch.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pupila
from benchmarks.measure import real_data
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.dataset.splits import SplitFile
from pupila.artifacts.run.source import parse_predicting
from pupila.core.vocabulary import TRAIN
from pupila.tasks.prompt import Prompt

EPOCHS, IMAGES, TIMED = 20, 40, 4  # of the training; images that the script is timed on
OTHERS = 8  # images for validation and test besides


def run() -> dict[str, Any]:
    """Seconds in all and of a later epoch, ours and the script's, and the second click against the first."""
    photos = real_data("flood_area")
    if photos is None:
        return {}
    folder = Path(tempfile.mkdtemp())
    checkpoint, data = folder / "vit/base", folder / "floods"
    _random_checkpoint(checkpoint)
    _some(Path(photos), data)
    script = Path(__file__).with_name("naive_prompting.py")
    print("  a typical script, on a few images", flush=True)
    output = subprocess.run(
        [sys.executable, str(script), str(checkpoint), str(data), str(TIMED)],
        capture_output=True, check=True, text=True,
    ).stdout.splitlines()[-1]  # fmt: skip
    naive = json.loads(output)
    print(f"  {naive} s an image and epoch", flush=True)
    pupila.split(data, val=OTHERS / 2 / (IMAGES + OTHERS), test=OTHERS / 2 / (IMAGES + OTHERS))
    start = time.perf_counter()
    ours = pupila.train(data, model=str(checkpoint), epochs=EPOCHS, out=folder / "run", patience=EPOCHS)
    seconds = time.perf_counter() - start
    splits = SplitFile.read(str(data))
    assert splits is not None
    images = len(splits.in_split(TRAIN))
    later = [line.seconds for line in ours.log[1:]]
    epoch = sum(later) / len(later)
    figures = {
        "images": images, "epochs": EPOCHS, "script_timed_on_images": TIMED, "script_seconds_an_image": naive,
        "script_seconds_extrapolated": round(naive["float32"] * images * EPOCHS, 1), "seconds": round(seconds, 1),
        "ratio": round(naive["float32"] * images * EPOCHS / seconds, 1),
        "ratio_to_bfloat16_script": round(naive["bfloat16"] * images * EPOCHS / seconds, 1),
        "later_epoch_seconds_with_validation": round(epoch, 2),
        "later_epoch_ratio": round(naive["float32"] * images / epoch, 1),
        "engine": ours.plan.engine, "why": ours.plan.reasons["engine"],
        **_clicks(ours.bundle.folder, next((data / "images").iterdir())),
    }  # fmt: skip
    for name, value in figures.items():
        print(f"  {name}: {value}")
    shutil.rmtree(folder)
    return figures


def _clicks(bundle: str, image: Path) -> dict[str, float]:
    """Seconds of the first prediction for an image, and of the second."""
    prompter, content = Prompter(parse_predicting(bundle).bundle), image.read_bytes()
    start = time.perf_counter()
    encoded = prompter.encode(prompter.preprocess(content), all_cores=True)
    prompter.predict(encoded, Prompt(points=((100.0, 100.0),)))
    first = time.perf_counter() - start
    start = time.perf_counter()
    prompter.predict(encoded, Prompt(points=((200.0, 150.0),)))
    second = time.perf_counter() - start
    return {"first_click_seconds": round(first, 3), "second_click_seconds": round(second, 3),
            "second_over_first": round(second / first, 4)}  # fmt: skip


def _random_checkpoint(folder: Path) -> None:
    import torch
    from transformers import SamConfig, SamModel

    torch.manual_seed(0)
    config: Any = SamConfig()
    model: Any = SamModel(config)
    model.save_pretrained(folder)


def _some(source: Path, target: Path) -> None:
    """A few images with their masks."""
    for kind in ("images", "masks"):
        (target / kind).mkdir(parents=True)
        for path in sorted((source / kind).iterdir())[: IMAGES + OTHERS]:
            shutil.copy(path, target / kind / path.name)
    for path in source.glob("classes.*"):
        shutil.copy(path, target / path.name)


if __name__ == "__main__":
    run()
