"""The models that a compression tries: each a float32 model, and how its numbers are converted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from pupila.artifacts.bundle.folder import MODEL_FILE, Bundle
from pupila.core.messages import mark, number, say, translate
from pupila.imaging.images.decode import Array
from pupila.stages.compress.half import halve
from pupila.stages.compress.int8 import quantise
from pupila.stages.compress.settings import CompressSettings

FLOAT32 = "float32"
PRUNED, ZEROED, DISTILLED = "pruned", "zeroed", "distilled"  # names of the networks that are trained
Convert = Callable[[bytes, Iterable[Array]], bytes]  # an ONNX file and calibration inputs to an ONNX file


@dataclass(frozen=True, slots=True)
class FloatModel:
    """A float32 model: the parent, or a smaller network that was made of it and trained."""

    name: str  # empty: the parent
    title: str  # in words
    bundle: Bundle | None  # None: it could not be made
    reason: str = ""  # why not
    remark: str = ""  # a sentence on how it was made


@dataclass(frozen=True, slots=True)
class Conversion:
    """How the numbers of a model are written."""

    name: str  # empty: as they are
    title: str  # to be translated
    precision: str
    convert: Convert

    @property
    def calibrates(self) -> bool:
        """Whether it measures ranges on images."""
        return self.precision == "int8"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to make a model smaller."""

    model: FloatModel
    conversion: Conversion

    @property
    def name(self) -> str:
        """Of its folder."""
        return "-".join(filter(None, (self.model.name, self.conversion.name)))

    @property
    def title(self) -> str:
        """In words."""
        return ", ".join(filter(None, (self.model.title, translate(self.conversion.title))))

    @property
    def is_rebuilt(self) -> bool:
        """Whether a network of the bundle's architecture takes the weights: then the bundle has them."""
        return self.model.name in (ZEROED, DISTILLED) and self.conversion is AS_IT_IS

    def make(self, inputs: Iterable[Array]) -> bytes:
        """Its ONNX file.

        Args:
            inputs: (1, 3, H, W) of calibration images.
        """
        assert self.model.bundle is not None
        return self.conversion.convert(self.model.bundle.read(MODEL_FILE), inputs)


AS_IT_IS = Conversion("", "", FLOAT32, lambda model, inputs: model)
INT8 = (
    Conversion(
        "int8-channel",
        mark("int8 per channel"),
        "int8",
        partial(quantise, per_channel=True, reduced=False),
    ),
    Conversion(
        "int8-channel-7bit",
        mark("int8 per channel, 7 bits"),
        "int8",
        partial(quantise, per_channel=True, reduced=True),
    ),
    Conversion(
        "int8-tensor",
        mark("int8 per tensor"),
        "int8",
        partial(quantise, per_channel=False, reduced=False),
    ),
)
HALF = Conversion("half", mark("half precision"), "float16", lambda model, inputs: halve(model))


def list_candidates(model: FloatModel, settings: CompressSettings) -> list[Candidate]:
    """What is tried with one float32 model; zeros in their place are tried alone."""
    if model.name == ZEROED:
        return [Candidate(model, AS_IT_IS)]
    conversions = [AS_IT_IS] if model.name else []
    conversions += [*INT8] if settings.int8 else []
    conversions += [HALF] if settings.half else []
    return [Candidate(model, conversion) for conversion in conversions]


def plan_networks(settings: CompressSettings) -> list[FloatModel]:
    """The networks that are made beside the parent, before they are."""
    planned = {
        PRUNED: (settings.prune, say("pruned by {n} %", n=number(100 * settings.prune, 0)), ""),
        ZEROED: (
            settings.zero,
            say("{n} % zeros", n=number(100 * settings.zero, 0)),
            say("Zeros in place of weights take as long as other numbers."),
        ),
        DISTILLED: (settings.distill_into, say("distilled into {model}", model=settings.distill_into), ""),
    }  # fmt: skip
    return [
        FloatModel(name, title, None, remark=remark)
        for name, (value, title, remark) in planned.items()
        if value
    ]


def is_trained(name: str) -> bool:
    """Whether a candidate of this name is made of a network that was trained for it."""
    return name.partition("-")[0] in (PRUNED, ZEROED, DISTILLED)


def can_compress(bundle: Bundle) -> bool:
    """Whether the model is not compressed already."""
    return bundle.info.precision.onnx == FLOAT32
