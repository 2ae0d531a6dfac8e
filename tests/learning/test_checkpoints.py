"""A damaged checkpoint costs the epochs of its phase, and never the run or the figures."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from pupila.learning.ema import AveragedWeights
from pupila.learning.loop import Checkpointer, State, fit
from pupila.learning.optimizers import OPTIMIZERS
from tests.learning.test_loop import PHASE, flat, module, result, stream, trained

SCORES = [0.2, 0.5, 0.4, 0.7, 0.6, 0.3]


def _resume(folder: Path) -> tuple[list[float], State, list[str]]:
    """What a whole training from here ends with, and the sentences for the user."""
    net, notes = module(), list[str]()
    checkpointer = Checkpointer(str(folder), PHASE.name, on_note=notes.append)
    state = fit(
        net.train(), PHASE, stream, functional.cross_entropy, lambda _, n: result(SCORES[n]), checkpointer
    )
    return flat(net), state, notes


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _scribble(path: Path) -> None:
    path.write_bytes(b"x" * 400)


def _flip_last_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def _replace_model(path: Path) -> None:
    save_file({f"{name}.other": value for name, value in load_file(path).items()}, path, {"checkpoint": "{}"})


@pytest.mark.parametrize("damage", [_truncate, _empty, _scribble, _flip_last_bit, _replace_model])
@pytest.mark.parametrize("kind", ["last", "best"])
def test_a_damaged_checkpoint_restarts_its_phase(
    kind: str, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    whole = trained(tmp_path / "whole", SCORES)
    trained(tmp_path / "part", SCORES, replace(PHASE, epochs=3))
    damage(tmp_path / f"part/checkpoints/head-{kind}.safetensors")
    weights, state, notes = _resume(tmp_path / "part")
    assert (weights, state) == (flat(whole[0]), whole[1])
    assert len(notes) == 1 and f"head-{kind}.safetensors" in notes[0] and "head starts again" in notes[0]


def test_a_lost_best_checkpoint_restarts_its_phase(tmp_path: Path) -> None:
    trained(tmp_path, SCORES, replace(PHASE, epochs=3))
    (tmp_path / "checkpoints/head-best.safetensors").unlink()
    weights, _, notes = _resume(tmp_path)
    assert weights == flat(trained(tmp_path / "whole", SCORES)[0]) and len(notes) == 1


def test_every_changed_bit_of_a_checkpoint_is_found(tmp_path: Path) -> None:
    trained(tmp_path, SCORES, replace(PHASE, epochs=2))
    path, rng = tmp_path / "checkpoints/head-last.safetensors", random.Random(0)
    whole = path.read_bytes()
    for _ in range(400):
        place = rng.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(bytes(damaged))
        (tmp_path / "checkpoints/head-best.safetensors").touch()
        net = module()
        before = flat(net)
        state = Checkpointer(str(tmp_path), "head").restore(
            net, OPTIMIZERS["adamw"](list(net.parameters()), 0.1, 0.0), AveragedWeights(net, 0.0)
        )
        assert state == State() and flat(net) == before


def test_a_checkpoint_without_a_checksum_is_resumed(tmp_path: Path) -> None:
    trained(tmp_path, SCORES, replace(PHASE, epochs=3))
    for path in (tmp_path / "checkpoints").iterdir():  # as an earlier Pupila wrote them
        content = path.read_bytes()
        size = int.from_bytes(content[:8], "little")
        head = (
            content[8 : 8 + size]
            .replace(b"pupila.checksum", b"other.something")
            .replace(b"pupila-crc32", b"none")
        )
        path.write_bytes(len(head).to_bytes(8, "little") + head + content[8 + size :])
    weights, _, notes = _resume(tmp_path)
    assert weights == flat(trained(tmp_path / "whole", SCORES)[0]) and not notes


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
