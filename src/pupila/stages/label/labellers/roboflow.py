"""A model behind Roboflow's inference protocol, hosted or self-hosted: classes, outlines or masks."""

import base64
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from pupila.artifacts.dataset.formats.tables.class_files import build_label_map
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import number, say
from pupila.core.secrets import Secret
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.encode import encode_small_jpeg
from pupila.imaging.masks.codec import read_stored_mask, resize_mask
from pupila.imaging.masks.label_map import Array
from pupila.imaging.regions import fill_polygons
from pupila.stages.label.labellers.endpoint import (
    Endpoint,
    RateLimiter,
    Reply,
    Stopped,
    Unanswered,
    Unreachable,
    host_and_port,
)
from pupila.stages.label.labellers.labeller import Labeller, NoLabel, Outcome, Outcomes, unknown_class
from pupila.stages.label.labellers.requests import request_rows
from pupila.stages.label.labellers.roboflow_response import (
    BoxResponse,
    ClassResponse,
    EmptyResponse,
    OutlineResponse,
    PixelResponse,
    Response,
    parse_response,
)
from pupila.stages.label.labellers.segment import MaskWriter
from pupila.stages.label.labellers.settings import RoboflowSettings
from pupila.stages.label.labellers.targets import TEXT_LABELS
from pupila.stages.label.labellers.text_labels import Confidences
from pupila.stages.label.mask_files import label_map_in_force
from pupila.stages.label.targets import check_target
from pupila.tasks.classify import CLASSIFY
from pupila.tasks.segment import foreground_classes

_HOSTED = "roboflow.com"


class RoboflowLabeller(Labeller):
    """Labels with a model behind an endpoint; its type of output is detected from the responses.

    Raises:
        PupilaError: no model or no key.
    """

    def __init__(self, settings: RoboflowSettings, data: Dataset) -> None:
        self.settings, self.data = settings, data
        self.name = f"roboflow:{settings.model}"
        host = urlsplit(settings.base_url).hostname or ""
        secret = Secret(settings.key, needed=host == _HOSTED or host.endswith(f".{_HOSTED}"))
        stop = threading.Event()
        self._secret = secret
        self._endpoint = Endpoint(
            _make_sender(settings, secret),
            settings.retries,
            RateLimiter(settings.rate_per_minute, stop),
            secret,
            stop,
        )
        self._write_lock = threading.Lock()
        self._writer: MaskWriter | None = None

    def outcomes(self, data: Dataset, rows: Sequence[int]) -> Outcomes:
        """The outcome of each row, as it arrives."""
        self._secret.require()
        return request_rows(rows, self._outcome, self.settings.concurrency, self._endpoint)

    def _outcome(self, row: int) -> Outcome:
        side = self.settings.max_image_size
        body = base64.b64encode(encode_small_jpeg(self.data.pixels(row, at_least=side), side))
        start = time.perf_counter()
        reply = self._endpoint.request(body)
        seconds = round(time.perf_counter() - start, 3)
        try:
            return self._label(row, parse_response(reply.text), seconds)
        except (ValueError, LookupError, TypeError, AttributeError) as fault:
            why = self._secret.scrub(repr(fault))[:120]
            raise Unanswered(say("the response can't be read: {why}", why=why)) from fault

    def _label(self, row: int, response: Response, seconds: float) -> Outcome:
        """By the type of the response, which decides the target of unlabelled data."""
        match response:
            case PixelResponse():
                return self._label_pixels(row, response, seconds)
            case OutlineResponse():
                return self._label_instances(row, response, seconds)
            case EmptyResponse() if self._writer is None and self.data.target != "mask":
                return NoLabel("abstained")
            case EmptyResponse(by_classifier=False):
                return self._label_instances(row, OutlineResponse([], 1, 1), seconds)
            case EmptyResponse():
                return self._label_classes(ClassResponse({}, (CLASSIFY.target,)), seconds)
            case ClassResponse():
                return self._label_classes(response, seconds)
            case BoxResponse():
                raise self._abort(
                    say("The model predicts boxes"), say("a model that predicts classes, outlines or masks")
                )

    def _label_classes(self, response: ClassResponse, seconds: float) -> Outcome:
        own = self.data.target
        target = own if own in response.targets else response.targets[0]
        try:
            check_target(self.data, target)
        except PupilaError as fault:
            raise self._endpoint.abort(fault) from None
        given = Confidences(
            response.confidences, response.predicted, self.settings.confidence, self.settings.classes
        )
        outcome = TEXT_LABELS[target].label_confidences(given)
        return outcome if isinstance(outcome, NoLabel) else replace(outcome, seconds=seconds)

    def _label_instances(self, row: int, response: OutlineResponse, seconds: float) -> Outcome:
        """The outline of highest confidence lies on top; uncovered pixels are background, or unlabelled without one."""
        names = self._mask_writer().names
        height, width = self._size(row)
        scale = np.array([width / response.width, height / response.height])
        mask = np.full((height, width), IGNORE if 0 in foreground_classes(names) else 0, np.uint8)
        confident = [
            outline for outline in response.outlines if outline.confidence >= self.settings.confidence
        ]
        for outline in sorted(confident, key=lambda outline: outline.confidence):
            if outline.label not in names:
                return unknown_class(outline.label, names)
            ring = np.array(outline.points) * scale
            mask[fill_polygons([(ring, [])], height, width)] = names.index(outline.label)
        mean = float(np.mean([outline.confidence for outline in confident])) if confident else None
        return self._write_mask(row, mask, mean, seconds)

    def _label_pixels(self, row: int, response: PixelResponse, seconds: float) -> Outcome:
        """A PNG of class numbers, with their names."""
        names = self._mask_writer().names
        numbers = read_stored_mask(response.png).values
        mask = np.zeros(numbers.shape, np.uint8)
        for value in np.unique(numbers).tolist():
            label = response.names[value]
            if label not in names:
                return unknown_class(label, names)
            mask[numbers == value] = names.index(label)
        return self._write_mask(row, resize_mask(mask, *self._size(row)), None, seconds)

    def _size(self, row: int) -> tuple[int, int]:
        height, width = self.data.images.select("height", "width").row(row)
        return height, width

    def _write_mask(self, row: int, mask: Array, confidence: float | None, seconds: float) -> Outcome:
        writer = self._mask_writer()
        with self._write_lock:  # two images may have one stem
            try:
                return writer.write(row, mask, confidence, seconds)
            except PupilaError as fault:  # the masks of the data can't store it, for other images as well
                raise self._endpoint.abort(fault) from None

    def _mask_writer(self) -> MaskWriter:
        """The writer of masks; created with the first mask."""
        with self._write_lock:
            if self._writer is None:
                given, names = label_map_in_force(self.data), self.settings.classes
                classes = names or (list(given.names) if given else None)
                if classes is None:
                    raise self._abort(
                        say("The model predicts masks, but their class names are unknown"),
                        say("class names in index order"), "--classes background,NAME",
                    )  # fmt: skip
                try:
                    self._writer = MaskWriter(self.data, list(build_label_map(classes, given).names))
                except PupilaError as fault:
                    raise self._endpoint.abort(fault) from None
            return self._writer

    def _abort(self, problem: str, expected: str, remedy: str = "") -> Stopped:
        return self._endpoint.abort(PupilaError(problem, self.settings.model, expected, remedy))


def _make_sender(settings: RoboflowSettings, secret: Secret) -> Callable[[Any], Reply]:
    """The function that sends an image; the key goes into a header, because addresses end up in logs."""
    import httpx

    client = httpx.Client(
        timeout=settings.timeout, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    if secret.value:
        client.headers["Authorization"] = f"Bearer {secret.value}"
    url = f"{settings.base_url.rstrip('/')}/{settings.model.strip('/')}"

    def send(body: bytes) -> Reply:
        try:
            answer = client.post(url, content=body)
        except httpx.TimeoutException:
            raise Unreachable(
                say("no response within {seconds} s", seconds=number(settings.timeout, 0))
            ) from None
        except httpx.HTTPError as fault:
            raise Unreachable(
                say("no connection to {host}: {why}", host=host_and_port(url), why=fault)
            ) from None
        return Reply(
            answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text
        )

    return send
