"""The model that a service predicts with, between the queue and the predictor: swapped while requests are served."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.runtimes import InferenceRuntime


class Served(Protocol):
    """What predicts, loaded from a bundle."""

    @property
    def bundle(self) -> Bundle:
        """The bundle, which names the model's version."""

    @property
    def runtime(self) -> InferenceRuntime:
        """What runs the model."""


Model = TypeVar("Model", bound=Served)


class ModelSlot(Generic[Model]):
    """The current model, and how many requests still have an earlier one; for the event loop.

    A request leases the model once and has it to its end, so that all of its images are predicted by the version that
    its response names. An earlier model is freed with its last request.

    Args:
        model: the first one.
    """

    def __init__(self, model: Model) -> None:
        self.current, self.swaps = model, 0
        self._leases: dict[Model, int] = {}

    @contextmanager
    def lease(self) -> Iterator[Model]:
        """The current model, for one request."""
        model = self.current
        self._leases[model] = self._leases.get(model, 0) + 1
        try:
            yield model
        finally:
            self._leases[model] -= 1
            if not self._leases[model]:
                del self._leases[model]

    @property
    def draining(self) -> int:
        """Requests that are still predicted by an earlier model."""
        return sum(count for model, count in self._leases.items() if model is not self.current)

    def swap(self, model: Model) -> None:
        """Requests from now on get this model."""
        self.current = model
        self.swaps += 1
