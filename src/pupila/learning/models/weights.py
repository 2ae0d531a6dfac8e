"""Weights from a local safetensors file, with the JSON beside it that says what they are."""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.learning.models.network import NO_WEIGHTS


class Told(BaseModel):
    """What the JSON beside a weights file says."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: str = ""
    options: dict[str, Any] = {}
    part: Literal["classifier", "encoder"] = "classifier"
    classes: list[str] = []  # of a classifier, in the order of its logits
    side: int | None = None  # pixels
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


def told_beside(path: str) -> Told:
    """What the JSON of the same stem says; nothing where there is none.

    Raises:
        PupilaError: the JSON is damaged or says something else.
    """
    beside = f"{path.removesuffix('.safetensors')}.json"
    if not files.exists(beside):
        return Told()
    try:
        return Told.model_validate(files.read_json(beside))
    except ValidationError as fault:
        raise PupilaError(
            say("Can't read {path}", path=beside), found=str(fault.errors()[0]["msg"]),
            wanted="model, options, part, classes, side, mean, std",
        ) from fault  # fmt: skip


def read_tensors(path: str) -> dict[str, Tensor]:
    """The file's tensors by name.

    Raises:
        PupilaError: not there, or no safetensors file.
    """
    if not files.exists(path):
        raise PupilaError(
            say("No such weights"), found=path,
            wanted=say("default, none, or a .safetensors file"), remedy="pupila settings train",
        )  # fmt: skip
    return tensors_of(files.read_bytes(path), path)


def tensors_of(content: bytes, path: str) -> dict[str, Tensor]:
    """A safetensors file's tensors by name.

    Raises:
        PupilaError: no safetensors file.
    """
    try:
        return load(content)
    except SafetensorError as fault:
        raise PupilaError(
            say("Can't read the weights {path}", path=path),
            found=str(fault),
            wanted=say("a .safetensors file"),
        ) from fault


def fill(module: nn.Module, tensors: dict[str, Tensor], path: str) -> None:
    """Give the module the tensors, all of them and no other.

    Raises:
        PupilaError: keys that are missing, unexpected, or of another shape; all are counted, the first listed.
    """
    wanted = module.state_dict()
    odd = {
        say("missing"): sorted(wanted.keys() - tensors.keys()),
        say("unexpected"): sorted(tensors.keys() - wanted.keys()),
        say("of another shape"): [
            f"{name} {tuple(tensors[name].shape)} for {tuple(wanted[name].shape)}"
            for name in sorted(wanted.keys() & tensors.keys()) if wanted[name].shape != tensors[name].shape
        ],
    }  # fmt: skip
    found = [f"{len(names)} {kind}: {listing(names, 3)}" for kind, names in odd.items() if names]
    if found:
        raise PupilaError(
            say("The weights {path} do not fit the model", path=path), found="; ".join(found),
            wanted=say("the tensors of this very model, with the options that it was trained with"),
            remedy=say("--set model=NAME, --set options.NAME=VALUE, or a JSON beside the file that says both"),
        )  # fmt: skip
    module.load_state_dict(tensors)


def hash_of(module: nn.Module, name: str, options: dict[str, Any]) -> str:
    """SHA-256 over the model's name, its options (padding has no tensor), and names and bytes of all tensors."""
    digest = hashlib.sha256(json.dumps([name, options], sort_keys=True, default=str).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def source_of(weights: str, model: str) -> str:
    """Where weights come from, in words."""
    if weights == "default":
        return f"hub: {model}"
    return NO_WEIGHTS if weights == NO_WEIGHTS else f"file: {weights.rpartition('/')[2]}"


def no_hub(model: str, fault: Exception) -> PupilaError:
    """The refusal where the hub can't be reached."""
    return PupilaError(
        say("Can't get the weights of {model} from the hub", model=model), found=str(fault).splitlines()[0],
        wanted=say("a way to the hub, or a local file"), remedy="--set weights=FILE.safetensors, weights=none",
    )  # fmt: skip
