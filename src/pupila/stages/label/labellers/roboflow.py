"""A model behind Roboflow's inference protocol, hosted or self-hosted: classes, outlines or masks."""

import base64
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from pupila.artifacts.dataset.formats.class_files import build_label_map
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, number, say
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
from pupila.stages.label.labellers.labeller import Labeller, NoLabel, Outcome, Outcomes, ProposedLabel
from pupila.stages.label.labellers.requests import request_rows
from pupila.stages.label.labellers.settings import RoboflowSettings
from pupila.stages.label.masks import MaskWriter
from pupila.tasks.segment import foreground_classes

_HOSTED = "roboflow.com"
Json = dict[str, Any]


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
            content = json.loads(reply.text)
            if isinstance(content, list):  # of a batch of one
                (content,) = content
            return self._parse(row, content, seconds)
        except (ValueError, LookupError, TypeError, AttributeError) as fault:
            why = self._secret.scrub(repr(fault))[:120]
            raise Unanswered(say("the response can't be read: {why}", why=why)) from fault

    def _parse(self, row: int, body: Json, seconds: float) -> Outcome:
        """By the type of the response."""
        predictions = body.get("predictions", body)
        if isinstance(predictions, dict) and "segmentation_mask" in predictions:
            return self._label_pixels(row, predictions, seconds)
        if predictions == [] and self._writer is None and self.data.label_map is None:
            return NoLabel("abstained")  # models of all types return this where they detect nothing
        if (
            isinstance(predictions, list)
            and "top" not in body
            and all("points" in prediction for prediction in predictions)
        ):
            return self._label_instances(row, body, predictions, seconds)
        if isinstance(predictions, list) and any("width" in prediction for prediction in predictions):
            raise self._abort(
                say("The model predicts boxes"), say("a model that predicts classes, outlines or masks")
            )
        return self._label_class(_parse_confidences(predictions), seconds)

    def _label_class(self, confidences: dict[str, float], seconds: float) -> Outcome:
        if self.data.label_map is not None:
            raise self._abort(
                say("The data have masks, but the model predicts one class per image"),
                say("a segmentation model"),
            )
        label, confidence = max(confidences.items(), key=lambda pair: pair[1])
        allowed = self.settings.classes
        if allowed is not None and label not in allowed:
            return _unknown_class(label, allowed)
        if confidence < self.settings.confidence:
            return NoLabel("abstained")
        return ProposedLabel(label, (label,), confidence, seconds=seconds)

    def _label_instances(self, row: int, body: Json, outlines: list[Json], seconds: float) -> Outcome:
        """The outline of highest confidence lies on top; uncovered pixels are background, or unlabelled without one."""
        names = self._mask_writer().names
        height, width = self._size(row)
        sent = body["image"]
        scale = np.array([width / float(sent["width"]), height / float(sent["height"])])
        mask = np.full((height, width), IGNORE if 0 in foreground_classes(names) else 0, np.uint8)
        confident = [
            outline for outline in outlines if float(outline["confidence"]) >= self.settings.confidence
        ]
        for outline in sorted(confident, key=lambda outline: float(outline["confidence"])):
            if outline["class"] not in names:
                return _unknown_class(outline["class"], names)
            ring = np.array([[float(point["x"]), float(point["y"])] for point in outline["points"]]) * scale
            mask[fill_polygons([(ring, [])], height, width)] = names.index(outline["class"])
        mean = float(np.mean([float(outline["confidence"]) for outline in confident])) if confident else None
        return self._write_mask(row, mask, mean, seconds)

    def _label_pixels(self, row: int, prediction: Json, seconds: float) -> Outcome:
        """A PNG of class numbers, with their names."""
        names = self._mask_writer().names
        numbers = read_stored_mask(
            base64.b64decode(prediction["segmentation_mask"].rpartition(",")[2])
        ).values
        mask = np.zeros(numbers.shape, np.uint8)
        for value in np.unique(numbers).tolist():
            label = str(prediction["class_map"][str(value)])
            if label not in names:
                return _unknown_class(label, names)
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
                given, names = self.data.label_map, self.settings.classes
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


def _unknown_class(label: str, names: list[str]) -> NoLabel:
    return NoLabel(
        "failed", say("class '{label}' is not one of {names}", label=label, names=listing(names, 8))
    )


def _parse_confidences(predictions: Any) -> dict[str, float]:
    """The confidence of each class, from either format."""
    if isinstance(predictions, dict):
        return {name: float(prediction["confidence"]) for name, prediction in predictions.items()}
    return {str(prediction["class"]): float(prediction["confidence"]) for prediction in predictions}


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
