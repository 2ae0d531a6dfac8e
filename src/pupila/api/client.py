"""Clients of a service: predictions over HTTP with the results of `pupila.predict`, in threads or in an event loop."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from pupila.api.client_calls import (
    PredictOptions,
    ServedModel,
    ServiceDrift,
    ServiceHealth,
    ServiceReadiness,
    Session,
    Statement,
    get_info,
    get_state,
    predict_image,
    predict_images,
    segment_image,
    send_feedback,
)
from pupila.api.client_images import ServedPrediction
from pupila.api.predictions import Predictions
from pupila.artifacts.web.client import AsyncSender, SyncSender, check_address
from pupila.artifacts.web.client_flow import RetryPolicy, Service
from pupila.core.display import Displayed, Summary
from pupila.core.extras import name_missing_extra
from pupila.core.secrets import Secret
from pupila.tasks.prompt import Box, Point, Prompt

TOKEN = "PUPILA_TOKEN"  # environment variable; with _FILE that of a file
_RETRIES, _DEADLINE = 4, 60.0


class _Connected(Displayed):
    """What both clients share: the service's address, the token and the retries."""

    _session: Session

    def _connect(self, url: str, token: str | None, retries: int, deadline: float) -> None:
        secret = Secret(TOKEN, value=token)
        address = check_address(str(url), bool(secret.value))
        self._session = Session(Service(address, secret, RetryPolicy(retries, deadline)))

    @property
    def url(self) -> str:
        """The address of the service."""
        return self._session.service.address

    def summary(self) -> Summary:
        """The address."""
        return Summary(type(self).__name__, self.url)


class Client(_Connected):
    """A client of a service, for any number of threads; `with` closes its connections at the end of its block.

    Args:
        url: of the service, such as https://host:8000.
        token: of the service; None: that of PUPILA_TOKEN or of the file that PUPILA_TOKEN_FILE names, or else none.
        retries: of a request after status 429 or 503, or where no connection could be opened.
        deadline: seconds for a request with its retries, apart from resolving the host's name and opening a connection.

    Raises:
        PupilaError: no address of a service, or a token that can't be read.
    """

    def __init__(
        self, url: str, token: str | None = None, *, retries: int = _RETRIES, deadline: float = _DEADLINE
    ) -> None:
        with name_missing_extra():
            self._connect(url, token, retries, deadline)
            self._sender = SyncSender(self._session.service)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def predict(self, image: Any, *, explain: bool = False, group: str = "") -> ServedPrediction:
        """The prediction for one image.

        Args:
            image: a path, the bytes of a file, a file that is open for reading bytes, a Pillow image, or a numpy array
                (height, width, 3) of uint8.
            explain: whether the result has heat maps, `explanation`.
            group: name of the related images that this one belongs to, such as of one product, for the service's log.

        Raises:
            PupilaError: no image; or as `ServiceError`, with `status` and `request_id`, the service's own refusal; or
                `ServiceUnreachable`.
        """
        return self._sender.run(predict_image(self._session, image, PredictOptions(explain, group)))

    def predict_batch(self, images: Iterable[Any], *, explain: bool = False, group: str = "") -> Predictions:
        """The predictions for several images, in their order; one without a prediction has its `fault` instead.

        They are sent in several requests, a few at once, each with its own deadline.

        Args:
            images: each as for `predict`.
            explain: whether each has heat maps.
            group: name of the related images that they all are, for the service's log.

        Raises:
            PupilaError: every request fails.
        """
        return self._sender.run(predict_images(self._session, images, PredictOptions(explain, group)))

    def segment(
        self, image: Any = None, *, image_id: str | None = None, points: Iterable[Point] = (),
        negatives: Iterable[Point] = (), box: Box | None = None, group: str = "",
    ) -> ServedPrediction:  # fmt: skip
        """The mask for a prompt: `mask`, (H, W) uint8, 1 in the foreground.

        Args:
            image: as for `predict`; None with an `image_id`.
            image_id: of an earlier result, so that the image is neither sent nor encoded again.
            points: (x, y) of foreground points in pixels of the upright image.
            negatives: (x, y) of background points.
            box: x0, y0, x1, y1 around the region.
            group: as for `predict`.

        Raises:
            PupilaError: as `predict`, or a prompt without a foreground point and a box.
        """
        return self._sender.run(
            segment_image(self._session, image, image_id, _prompt(points, negatives, box), group)
        )

    def feedback(
        self, prediction: Any, *, correct: bool | None = None, label: Any = None, who: str | None = None,
        item: int | None = None,
    ) -> None:  # fmt: skip
        """Record whether a prediction is correct, or its true label; at least one of them.

        Args:
            prediction: a result of this or another client, or its `request_id`.
            correct: whether it is.
            label: the true class; the list of true classes; or COCO's run lengths of each class, as the service
                sends them.
            who: says so; None: the id of the token.
            item: number of the image in its request, for a `request_id` of a batch; None: that of the prediction, or 0.

        Raises:
            PupilaError: no prediction; or the service takes no feedback, or refuses this.
        """
        self._sender.run(send_feedback(self._session, prediction, Statement(correct, label, who, item)))

    def health(self) -> ServiceHealth:
        """Whether the service is up, and which bundle it serves."""
        return self._sender.run(get_state(self._session, "/health", ServiceHealth))

    def ready(self) -> ServiceReadiness:
        """Whether the service is as it should be, or why not."""
        return self._sender.run(get_state(self._session, "/health/ready", ServiceReadiness))

    def drift(self) -> ServiceDrift:
        """Whether its images still look like the reference of the model.

        Raises:
            PupilaError: the service records no predictions, or, from another machine, the token lacks the scope
                metrics.
        """
        return self._sender.run(get_state(self._session, "/model/drift", ServiceDrift))

    def info(self) -> ServedModel:
        """The `bundle.json` of the served bundle: task, classes, metrics, ..."""
        return self._sender.run(get_info(self._session))

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()


class AsyncClient(_Connected):
    """`Client` for one event loop: the same methods, to be awaited; `async with` closes its connections.

    Args:
        url: of the service, such as https://host:8000.
        token: see `Client`.
        retries: see `Client`.
        deadline: see `Client`.

    Raises:
        PupilaError: no address of a service, or a token that can't be read.
    """

    def __init__(
        self, url: str, token: str | None = None, *, retries: int = _RETRIES, deadline: float = _DEADLINE
    ) -> None:
        with name_missing_extra():
            self._connect(url, token, retries, deadline)
            self._sender = AsyncSender(self._session.service)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def predict(self, image: Any, *, explain: bool = False, group: str = "") -> ServedPrediction:
        """As `Client.predict`."""
        return await self._sender.run(predict_image(self._session, image, PredictOptions(explain, group)))

    async def predict_batch(
        self, images: Iterable[Any], *, explain: bool = False, group: str = ""
    ) -> Predictions:
        """As `Client.predict_batch`."""
        return await self._sender.run(predict_images(self._session, images, PredictOptions(explain, group)))

    async def segment(
        self, image: Any = None, *, image_id: str | None = None, points: Iterable[Point] = (),
        negatives: Iterable[Point] = (), box: Box | None = None, group: str = "",
    ) -> ServedPrediction:  # fmt: skip
        """As `Client.segment`."""
        prompt = _prompt(points, negatives, box)
        return await self._sender.run(segment_image(self._session, image, image_id, prompt, group))

    async def feedback(
        self, prediction: Any, *, correct: bool | None = None, label: Any = None, who: str | None = None,
        item: int | None = None,
    ) -> None:  # fmt: skip
        """As `Client.feedback`."""
        statement = Statement(correct, label, who, item)
        await self._sender.run(send_feedback(self._session, prediction, statement))

    async def health(self) -> ServiceHealth:
        """As `Client.health`."""
        return await self._sender.run(get_state(self._session, "/health", ServiceHealth))

    async def ready(self) -> ServiceReadiness:
        """As `Client.ready`."""
        return await self._sender.run(get_state(self._session, "/health/ready", ServiceReadiness))

    async def drift(self) -> ServiceDrift:
        """As `Client.drift`."""
        return await self._sender.run(get_state(self._session, "/model/drift", ServiceDrift))

    async def info(self) -> ServedModel:
        """As `Client.info`."""
        return await self._sender.run(get_info(self._session))

    async def close(self) -> None:
        """Close the connections."""
        await self._sender.close()


def _prompt(points: Iterable[Point], negatives: Iterable[Point], box: Box | None) -> Prompt:
    return Prompt(tuple(points), tuple(negatives), None if box is None else tuple(box))  # type: ignore[arg-type]
