"""The reference of a bundle: what its predictions look like on images that it was not trained on."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pupila.artifacts.bundle.folder import Bundle
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.statistics.drift.observations import LARGEST, Observations, to_digits

REFERENCE_FILE = "reference.safetensors"
PROJECTIONS = 8  # of the embedding


@dataclass(frozen=True, slots=True)
class Reference:
    """Predictions for images that were left out of the training for this, or out of fold."""

    observations: Observations  # a row for each group
    projection: NDArray[np.float32]  # (E, PROJECTIONS) of the embedding
    is_out_of_fold: bool = False

    @property
    def monitored(self) -> Observations:
        """What a stream can be compared with.

        The models of the folds learned from fewer images than the served one, which is more confident: false alarms
        would be more frequent than promised. Confidence and classes are unknown then, and a stream of them is compared
        with its own beginning.
        """
        if not self.is_out_of_fold:
            return self.observations
        own = self.observations
        return replace(own, confidence=own.confidence * np.nan, outputs=own.outputs * np.nan)


def encode_reference(reference: Reference) -> bytes:
    """The content of the file, its values with as many digits as those of a log."""
    own = reference.observations
    shorten = np.vectorize(to_digits, otypes=[np.float64])
    arrays = {name: np.ascontiguousarray(shorten(getattr(own, name))) for name in own.__slots__}
    return save({**arrays, "projection": np.ascontiguousarray(reference.projection, np.float32)})


def find_reference(bundle: Bundle) -> Reference | None:
    """The reference of a bundle; None: it has none.

    Raises:
        PupilaError: the file holds something else.
    """
    if REFERENCE_FILE not in bundle.info.files:
        return None
    try:
        arrays = load(bundle.read(REFERENCE_FILE))
        own = Observations(*(arrays[name].astype(np.float64) for name in Observations.__slots__))
        groups, classes = len(own.confidence), len(bundle.info.classes)
        shapes = [(groups,)] * 3 + [(groups, arrays["projection"].shape[1]), (groups, classes)]
        if [getattr(own, name).shape for name in own.__slots__] != shapes or not groups:
            raise ValueError
        _check_values(own, arrays["projection"])
    except (SafetensorError, KeyError, ValueError, IndexError) as fault:
        raise PupilaError(
            say("Can't read {path}", path=files.join(bundle.folder, REFERENCE_FILE)),
            expected=say("the reference of this model"),
            remedy=say("copy the bundle again, or retrain"),
        ) from fault
    drift = bundle.info.drift
    return Reference(own, arrays["projection"], drift is not None and drift.source == "out-of-fold")


def _check_values(own: Observations, projection: NDArray[np.float32]) -> None:
    """Refuse infinite values, and images of unknown brightness or sharpness only.

    Raises:
        ValueError: there are some.
    """
    is_infinite = any((np.abs(getattr(own, name)) > LARGEST).any() for name in own.__slots__)
    is_unknown = np.isnan(own.brightness).all() or np.isnan(own.sharpness).all()
    if is_infinite or is_unknown or not np.isfinite(projection).all():
        raise ValueError


def read_reference(bundle: Bundle) -> Reference:
    """The reference of a bundle.

    Raises:
        PupilaError: it has none.
    """
    reference = find_reference(bundle)
    if reference is None:
        raise PupilaError(
            say("The bundle {folder} has no reference to monitor against", folder=bundle.folder),
            actual=say("no {name}", name=REFERENCE_FILE),
            expected=say("out-of-fold predictions, or predictions for training images that were left out for it"),
            remedy=say("{command}, or with folds; promptable and compressed models have none",
                       command="pupila train DATA --reference-share 0.2"),
        )  # fmt: skip
    return reference


def project(embedding: NDArray[np.float32], reference: Reference | None) -> list[float]:
    """The projections of an embedding (E,) for the log; empty: there is no embedding, or no reference has any."""
    if reference is None or reference.projection.shape[0] != len(embedding):
        return []
    return [to_digits(value) for value in (embedding @ reference.projection).tolist()]
