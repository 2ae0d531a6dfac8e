"""The stories that `pupila demo` tells, in one literal dict."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pupila.api.doctor import doctor
from pupila.api.evaluate import evaluate
from pupila.api.explore import explore
from pupila.api.split import split
from pupila.artifacts.dataset.open import open as open_data
from pupila.core.messages import say
from pupila.demo.faults import PLANTED, plant_faults
from pupila.demo.floods import write_scenes
from pupila.demo.packages_story import packages
from pupila.demo.steps import answered, fresh, print_faults, sealed, step, trained
from pupila.stages.evaluate.sentences import sentences as judged
from pupila.stages.explore.sentences import sentences

SCENES = 140  # of floods
_SEED = 23
_RECIPE: dict[str, Any] = {
    "model": "unet", "encoder": "resnet10t", "weights": "none", "side": 128, "epochs": 14, "learning_rate": 2e-3,
}  # fmt: skip
_SHOWN = 4  # photos that predict answers


def faults(out: str) -> None:
    """A folder in which nearly everything is wrong, and what the doctor says."""
    folder = fresh(Path(out), "synthetic_faults")
    plant_faults(folder)
    step(f"pupila doctor {folder}")
    found = doctor(folder)
    print_faults(found)
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
    folder = fresh(Path(out), "synthetic_floods")
    step(say("Drawing {n} synthetic scenes of floods, with the water as masks", n=SCENES))
    write_scenes(folder, SCENES, _SEED)
    step(f"pupila doctor {folder}")
    data = open_data(folder)
    print(data)
    print_faults(doctor(data))
    step(f"pupila split {folder}")
    print(say("Verdict: {verdict}.", verdict=split(data, replace=True).verdict))
    step(f"pupila explore {folder}")
    explored = explore(data)
    print("\n".join(sentences(explored.fingerprint)))
    print(say("Look at: {path}", path=explored.page))
    run = trained(folder, Path(out) / "synthetic_run_unet", _RECIPE)
    step(f"pupila evaluate {run.bundle.folder} {folder}")
    done = evaluate(run.bundle.folder, folder)
    verdict = judged(done.evaluation)
    print("\n".join(verdict))
    photos = [folder / row.image for row in sealed(folder)[:_SHOWN]]
    answered(run.bundle.folder, photos, f"{out}/synthetic_masks")
    print("\n" + say("Done in {seconds:.0f} s, all on synthetic data.", seconds=time.monotonic() - start))
    print(say("Verdict: {verdict}", verdict=verdict[0]))
    print(say("Look at: {path}", path=done.report))


STORIES: dict[str, Callable[[str], None]] = {
    "packages": packages,
    "floods": floods,
    "faults": faults,
}
