"""The stories of `pupila demo`, in one literal dict."""

import time
from collections.abc import Callable
from pathlib import Path

from pupila.api.doctor import doctor
from pupila.api.evaluate import evaluate
from pupila.api.explore import explore
from pupila.api.split import split
from pupila.api.train_options import TrainOptions
from pupila.artifacts.dataset.open import open as open_data
from pupila.core.messages import number, say
from pupila.demo.faults import PLANTED, plant_faults
from pupila.demo.floods import write_scenes
from pupila.demo.labels_story import labels
from pupila.demo.loop_story import loop
from pupila.demo.packages_story import packages
from pupila.demo.steps import (
    predict_and_serve,
    prepare_folder,
    print_faults,
    print_step,
    read_test_rows,
    train_from_scratch,
)
from pupila.stages.evaluate.sentences import sentences as evaluation_sentences
from pupila.stages.explore.sentences import sentences as exploration_sentences

SCENES = 140  # flood scenes
_SEED = 23
_SETTINGS: TrainOptions = {
    "model": "unet", "encoder": "resnet10t", "weights": "none", "image_size": 128, "epochs": 14, "lr": 2e-3,
}  # fmt: skip
_SHOWN = 4  # photos for predict


def faults(out: str) -> None:
    """A folder with nearly every possible fault, and the report of the doctor."""
    folder = prepare_folder(Path(out), "synthetic_faults")
    plant_faults(folder)
    print_step(f"pupila doctor {folder}")
    detected = doctor(folder)
    print_faults(detected)
    missed = sorted(set(PLANTED) - {fault.code for fault in detected})
    if missed:
        print("\n" + say("{n} faults planted, missed: {missed}.", n=len(PLANTED), missed=", ".join(missed)))
    else:
        print("\n" + say("{n} faults planted, all detected.", n=len(PLANTED)))


def floods(out: str) -> None:
    """Aerial flood scenes: from drawn images and masks to a served U-Net."""
    start = time.monotonic()
    folder = prepare_folder(Path(out), "synthetic_floods")
    print_step(say("Drawing {n} synthetic flood scenes with water masks", n=SCENES))
    write_scenes(folder, SCENES, _SEED)
    print_step(f"pupila doctor {folder}")
    data = open_data(folder)
    print(data)
    print_faults(doctor(data))
    print_step(f"pupila split {folder}")
    print(say("Verdict: {verdict}.", verdict=split(data, replace=True).verdict))
    print_step(f"pupila explore {folder}")
    exploration = explore(data)
    print("\n".join(exploration_sentences(exploration.fingerprint)))
    print(say("Open: {path}", path=exploration.page))
    run = train_from_scratch(folder, Path(out) / "synthetic_run_unet", _SETTINGS)
    print_step(f"pupila evaluate {run.bundle.folder} {folder}")
    result = evaluate(run.bundle.folder, folder)
    verdict = evaluation_sentences(result.evaluation)
    print("\n".join(verdict))
    photos = [folder / row.image for row in read_test_rows(folder)[:_SHOWN]]
    predict_and_serve(run.bundle.folder, photos, f"{out}/synthetic_masks")
    print("\n" + say("Finished in {n} s, all on synthetic data.", n=number(time.monotonic() - start, 0)))
    print(say("Verdict: {verdict}", verdict=verdict[0]))
    print(say("Open: {path}", path=result.report))


STORIES: dict[str, Callable[[str], None]] = {
    "packages": packages,
    "labels": labels,
    "floods": floods,
    "faults": faults,
    "loop": loop,
}
