"""The service behind the page, as `pupila.Client` has it."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol


class Connection(Protocol):
    """What the page asks of a service; every method raises PupilaError, as `ServiceError` with its reason."""

    @property
    def url(self) -> str:
        """The address of the service."""

    def ready(self) -> Any:
        """`status`, `reason` and `model_version`."""

    def drift(self) -> Any:
        """`status`, `groups` and `alarm_at`."""

    def info(self) -> Any:
        """Task, classes and the other fields of `bundle.json`."""

    def predict(self, image: Any, *, explain: bool = False, group: str = "") -> Any:
        """The prediction for one image."""

    def predict_batch(self, images: Iterable[Any], *, group: str = "") -> Sequence[Any]:
        """The predictions for several images, each with a value or a fault."""

    def segment(
        self, image: Any = None, *, image_id: str | None = None, points: Any = (), negatives: Any = (),
        box: Any = None, group: str = "",
    ) -> Any:  # fmt: skip
        """The mask for a prompt."""

    def feedback(
        self, prediction: Any, *, correct: bool | None = None, label: Any = None, who: str | None = None
    ) -> None:
        """Record whether a prediction is correct, or its true label."""
