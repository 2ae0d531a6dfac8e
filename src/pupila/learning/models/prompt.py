"""Build promptable networks: pupila-sam, or a checkpoint of SAM or SAM 2."""

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.learning.models.built import BuiltEncoders
from pupila.learning.models.network import Network
from pupila.learning.models.pupila_sam import build_pupila_sam, rebuild_pupila_sam
from pupila.learning.models.sam import build_checkpoint, rebuild_checkpoint
from pupila.learning.models.settings import PUPILA_SAM, EncoderSettings


def build_promptable(
    settings: EncoderSettings,
    classes: int | None,
    image_size: int | None = None,
    built: BuiltEncoders | None = None,
) -> Network:
    """Build a promptable network; random parts are drawn from torch's own seed.

    Args:
        settings: `model` is pupila-sam, the name of a checkpoint, or a folder in the hub's format.
        classes: unused: the prompt selects the object.
        image_size: of the input, pixels; None: the model's own, 512 for pupila-sam.
        built: unused: a checkpoint's encoder comes with its decoder, which is trained.

    Raises:
        PupilaError: an unknown name, weights that do not fit, or the hub can't be reached.
    """
    build = build_pupila_sam if settings.model == PUPILA_SAM else build_checkpoint
    return build(settings, image_size)


def rebuild_promptable(info: BundleInfo) -> Network:
    """The network of a bundle before its weights are loaded."""
    return rebuild_pupila_sam(info) if info.architecture.library == "pupila" else rebuild_checkpoint(info)
