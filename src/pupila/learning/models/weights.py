"""Read weights from a local safetensors file, and the JSON file of the same name that describes them."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from pupila.artifacts.bundle.architecture import Weights
from pupila.artifacts.bundle.folder import WEIGHTS_FILE, Bundle
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.settings import unknown
from pupila.learning.models.network import NO_WEIGHTS, Network
from pupila.learning.models.quiet import load_timm

_Deviation = Annotated[FiniteFloat, Field(gt=0)]


class WeightsInfo(BaseModel):
    """The JSON file beside a weights file: what the weights are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = ""
    options: dict[str, Any] = {}
    part: Literal["classifier", "encoder"] = "classifier"
    classes: list[str] = []  # of a classifier, in the order of its logits
    image_size: PositiveInt | None = None  # pixels
    crop_pct: Annotated[float, Field(gt=0, le=1)] | None = (
        None  # share of the resized image that the crop keeps
    )
    crop_mode: Literal["center", "squash", "border"] | None = None  # as in timm
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] | None = None
    license: str = ""  # stands in the bundle
    source: str = ""  # for readers
    side: int | None = Field(default=None, exclude=True)  # older name of image_size in shared files; ignored
    mean: tuple[FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    std: tuple[_Deviation, _Deviation, _Deviation] | None = None


def read_weights_info(path: str) -> WeightsInfo:
    """The content of the JSON file of the same name; empty if there is none.

    Raises:
        PupilaError: the JSON file is damaged or has unknown keys.
    """
    beside = f"{path.removesuffix('.safetensors')}.json"
    if not files.exists(beside):
        return WeightsInfo()
    try:
        return WeightsInfo.model_validate(files.read_json(beside))
    except ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = [name for name in WeightsInfo.model_fields if name != "side"]
            problem = say("{path} has the unknown key {name}", path=beside, name=key)
            raise PupilaError(unknown(problem, key, known)) from fault
        raise PupilaError(
            say("Can't read {path}", path=beside), actual=f"{key}: {first['msg']}" if key else str(first["msg"]),
            expected="model, options, part, classes, image_size, crop_pct, crop_mode, interpolation, mean, std",
        ) from fault  # fmt: skip


def find_local_weights(weights: str, model: str, whole: bool = False) -> str:
    """The file of the folder `PUPILA_WEIGHTS` whose JSON file names the model; empty where there is none.

    Args:
        weights: of the settings; only for `default` a file is searched.
        model: of timm, whose weights are wanted.
        whole: only a complete classifier will do, not an encoder.
    """
    folder = files.weights_folder()
    if weights != "default" or not folder or not files.is_folder(folder):
        return ""
    names = [name for name in files.list_files(folder) if name.endswith(".safetensors")]
    for name in sorted(names, key=lambda name: (name != f"{model}.safetensors", name)):
        path = files.join(folder, name)
        # What is wrong with the file of this model is reported; another may be for another program.
        with nullcontext() if name == f"{model}.safetensors" else suppress(PupilaError):
            info = read_weights_info(path)
            if info.model == model and not (whole and info.part == "encoder"):
                return path
    return ""


def read_tensors(path: str) -> dict[str, Tensor]:
    """The file's tensors by name.

    Raises:
        PupilaError: the file is missing or not a safetensors file.
    """
    if not files.exists(path):
        raise PupilaError(
            say("The weights {path} do not exist", path=path),
            remedy="--weights FILE.safetensors, --weights default, or --weights none",
        )
    return parse_tensors(files.read_bytes(path), path)


def parse_tensors(content: bytes, path: str) -> dict[str, Tensor]:
    """A safetensors file's tensors by name.

    Raises:
        PupilaError: not a safetensors file.
    """
    try:
        return load(content)
    except SafetensorError as fault:
        if not path.endswith(".safetensors"):
            problem = say("{path} is not a .safetensors file", path=path)
            raise PupilaError(problem, remedy="--weights FILE.safetensors") from fault
        raise PupilaError(
            say("Can't read the weights {path}", path=path),
            actual=str(fault),
            expected=say("a .safetensors file"),
        ) from fault


def load_weights(module: nn.Module, tensors: dict[str, Tensor], path: str) -> None:
    """Load exactly these tensors into the module.

    Raises:
        PupilaError: tensors that are missing, unexpected, or of another shape; all are counted, the first ones listed.
    """
    expected = module.state_dict()
    differences = {
        say("missing"): sorted(expected.keys() - tensors.keys()),
        say("unexpected"): sorted(tensors.keys() - expected.keys()),
        say("of another shape"): [
            f"{name} {tuple(tensors[name].shape)} for {tuple(expected[name].shape)}"
            for name in sorted(expected.keys() & tensors.keys()) if expected[name].shape != tensors[name].shape
        ],
    }  # fmt: skip
    faults = [f"{len(names)} {kind}: {listing(names, 3)}" for kind, names in differences.items() if names]
    if faults:
        raise PupilaError(
            say("The weights {path} do not match the model", path=path), actual="; ".join(faults),
            expected=say("the tensors of this model, with the options that it was trained with"),
            remedy=say("--model NAME, --options.NAME VALUE, or a JSON file of the same name with both"),
        )  # fmt: skip
    module.load_state_dict(tensors)


def load_bundle_weights(network: Network, bundle: Bundle, name: str = WEIGHTS_FILE) -> Network:
    """The network with the weights of the bundle, which are loaded in place and become its parent.

    Args:
        network: as the bundle describes it.
        bundle: has the weights, and the images that they learned from.
        name: of the file with the weights.

    Raises:
        PupilaError: the weights do not fit the description.
    """
    parts = nn.ModuleDict({"encoder": network.encoder, "head": network.head})
    load_weights(parts, parse_tensors(bundle.read(name), name), bundle.folder)
    architecture = network.architecture
    digest = hash_module(network.encoder, f"{architecture.name} {architecture.encoder}", architecture.options)
    learned = frozenset(bundle.training_images())
    return replace(network, weights_hash=digest, training_images=learned, parent=bundle.hash)


def hash_module(module: nn.Module, name: str, options: dict[str, Any]) -> str:
    """SHA-256 over the model's name, its options (padding has no tensor), and names and bytes of all tensors."""
    digest = hashlib.sha256(json.dumps([name, options], sort_keys=True, default=str).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def describe_weights(weights: str, model: str, info: WeightsInfo) -> Weights:
    """Where weights come from, and their licence as far as it is known.

    Args:
        weights: of the settings.
        model: of timm.
        info: of the JSON file beside local weights.
    """
    if weights == NO_WEIGHTS:
        return Weights(source=NO_WEIGHTS)
    if weights == "default":
        timm = load_timm()

        known = timm.get_pretrained_cfg(model)
        return Weights(source=f"hub: {model}", license=(known and known.license) or "")
    return Weights(source=f"file: {weights.rpartition('/')[2]}", license=info.license)


@contextmanager
def explain_other_model(weights: str, info: WeightsInfo, name: str) -> Iterator[None]:
    """Say of weights that fail to load that their JSON file names another model, where it does.

    Raises:
        PupilaError: what failed, or that the weights are made for another model.
    """
    try:
        yield
    except PupilaError as fault:
        if info.model in ("", name):
            raise
        words = {"file": weights.rpartition("/")[2], "model": info.model, "name": name}
        problem = (
            say("{file} is made for {model}, not {name} (its JSON file sets {options})",
                options=listing(list(info.options)), **words)
            if info.options
            else say("{file} is made for {model}, not {name}", **words)
        )  # fmt: skip
        raise PupilaError(
            problem, remedy=say("use the model of the file, {model}", model=info.model)
        ) from fault
