"""How long a run takes after its training: validation, export, comparison and report; remembered on this machine."""

import json
from pathlib import Path

import torch

from pupila.core import files
from pupila.learning.models.network import Network
from pupila.stages.train.measure import find_measured

# Seconds on a machine without other work, until a run has been timed: at all, and per image of validation.
_FIRST = {False: (10.0, 0.02), True: (6.0, 0.0)}  # by whether the encoder is frozen
_FIRST_MASKS = (12.0, 0.25)  # post-processing is tuned


def expect_finish(network: Network, images: int, frozen: bool) -> float:
    """Seconds after the training, as the last run with a budget took, or as an assumption before.

    Args:
        network: of the run.
        images: of validation.
        frozen: whether the encoder stays as it is.
    """
    base, each = _FIRST[frozen] if network.task.caches_features else _FIRST_MASKS
    try:
        seconds, before = json.loads(files.read_from_cache(_find_place(network, frozen)) or b"")
        return float(seconds) + each * max(0, images - int(before))
    except (ValueError, TypeError):
        return base + each * images


def remember_finish(network: Network, images: int, frozen: bool, seconds: float) -> None:
    """Remember the seconds of a run for `expect_finish`."""
    files.write_to_cache(_find_place(network, frozen), json.dumps([seconds, images]).encode())


def _find_place(network: Network, frozen: bool) -> Path:
    key = [
        "finish",
        network.name,
        network.encoder_name,
        network.preprocessing.height,
        frozen,
        torch.__version__,
    ]
    return find_measured(key)
