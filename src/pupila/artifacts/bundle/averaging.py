"""What the predictions of a bundle are the mean of, in sentences for its card and for the page of its run."""

from pupila.artifacts.bundle.schema import BundleInfo
from pupila.core.messages import say
from pupila.imaging.images.flips import FLIP_AXES


def describe_averaging(info: BundleInfo) -> list[str]:
    """The members of an ensemble, and how it was validated; flips at test time; nothing where there are neither."""
    sentences = []
    if info.members:
        sentences.append(
            say("Ensemble of {n} fold models: its logits are the mean of theirs. Each validation image was predicted "
                "by the one model that was not trained on it, so the figures are those of single models and usually a "
                "lower bound.", n=len(info.members))
        )  # fmt: skip
    if info.test_time_flips != "none":
        sentences.append(
            say("Each prediction is the mean over the image and its flips, of {n} passes through the network; it was "
                "validated so.", n=len(FLIP_AXES[info.test_time_flips]))
        )  # fmt: skip
    return sentences
