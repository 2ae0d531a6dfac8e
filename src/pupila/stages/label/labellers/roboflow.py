"""A model behind Roboflow's inference protocol, hosted or self-hosted: classes, outlines or masks."""

import base64
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from pupila.artifacts.dataset.formats.class_files import drawn_legend
from pupila.artifacts.dataset.manifest import Dataset
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.secrets import Secret
from pupila.core.vocabulary import IGNORE
from pupila.imaging.images.encode import small_jpeg
from pupila.imaging.masks.codec import resized, stored_values
from pupila.imaging.masks.label_map import Array
from pupila.imaging.regions import fill_polygons
from pupila.stages.label.labellers.endpoint import (
    Endpoint,
    Pace,
    Reply,
    Stopped,
    Unanswered,
    Unreachable,
    host_of,
)
from pupila.stages.label.labellers.labeller import Labeller, Left, Outcome, Outcomes, Said
from pupila.stages.label.labellers.requests import asked_rows
from pupila.stages.label.labellers.settings import RoboflowSettings
from pupila.stages.label.masks import MaskWriter
from pupila.tasks.segment import things

_HOSTED = "roboflow.com"
Answer = dict[str, Any]


class Roboflow(Labeller):
    """Asks a model for each image; what kind of answer it gives is seen from the answers.

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
            _sender(settings, secret), settings.retries, Pace(settings.rate, stop), secret, stop
        )
        self._writing = threading.Lock()
        self._writer: MaskWriter | None = None

    def outcomes(self, data: Dataset, rows: Sequence[int]) -> Outcomes:
        """What it says of each row."""
        return asked_rows(rows, self._outcome, self.settings.workers, self._endpoint)

    def _outcome(self, row: int) -> Outcome:
        side = self.settings.side
        body = base64.b64encode(small_jpeg(self.data.pixels(row, at_least=side), side))
        start = time.perf_counter()
        reply = self._endpoint.ask(body)
        seconds = round(time.perf_counter() - start, 3)
        try:
            told = json.loads(reply.text)
            if isinstance(told, list):  # of a batch of one
                (told,) = told
            return self._read(row, told, seconds)
        except (ValueError, LookupError, TypeError, AttributeError) as fault:
            why = self._secret.scrub(repr(fault))[:120]
            raise Unanswered(say("an answer that can't be read: {why}", why=why)) from fault

    def _read(self, row: int, told: Answer, seconds: float) -> Outcome:
        """By the kind of the answer."""
        inner = told.get("predictions", told)
        if isinstance(inner, dict) and "segmentation_mask" in inner:
            return self._semantic(row, inner, seconds)
        if inner == [] and self._writer is None and self.data.legend is None:
            return Left("below")  # models of every kind say so that they found nothing
        if isinstance(inner, list) and "top" not in told and all("points" in one for one in inner):
            return self._instances(row, told, inner, seconds)
        if isinstance(inner, list) and any("width" in one for one in inner):
            raise self._ends(
                say("The model answers with boxes"), say("a model of classes, outlines or masks")
            )
        return self._class(_shares(inner), seconds)

    def _class(self, shares: dict[str, float], seconds: float) -> Outcome:
        if self.data.legend is not None:
            raise self._ends(
                say("These data have masks, and the labeller names classes"), say("a model of masks")
            )
        label, confidence = max(shares.items(), key=lambda pair: pair[1])
        allowed = self.settings.classes
        if allowed is not None and label not in allowed:
            return _none_of(label, allowed)
        if confidence < self.settings.confidence:
            return Left("below")
        return Said(label, (label,), confidence, seconds=seconds)

    def _instances(self, row: int, told: Answer, outlines: list[Answer], seconds: float) -> Outcome:
        """The surest outline lies on top; what none covers is background, or has no label where there is none."""
        names = self._masks().names
        height, width = self._size(row)
        seen = told["image"]
        scale = np.array([width / float(seen["width"]), height / float(seen["height"])])
        mask = np.full((height, width), IGNORE if 0 in things(names) else 0, np.uint8)
        sure = [one for one in outlines if float(one["confidence"]) >= self.settings.confidence]
        for one in sorted(sure, key=lambda one: float(one["confidence"])):
            if one["class"] not in names:
                return _none_of(one["class"], names)
            ring = np.array([[float(point["x"]), float(point["y"])] for point in one["points"]]) * scale
            mask[fill_polygons([(ring, [])], height, width)] = names.index(one["class"])
        mean = float(np.mean([float(one["confidence"]) for one in sure])) if sure else None
        return self._written(row, mask, mean, seconds)

    def _semantic(self, row: int, told: Answer, seconds: float) -> Outcome:
        """A PNG of numbers, and what they are called."""
        names = self._masks().names
        numbers = stored_values(base64.b64decode(told["segmentation_mask"].rpartition(",")[2])).values
        mask = np.zeros(numbers.shape, np.uint8)
        for number in np.unique(numbers).tolist():
            label = str(told["class_map"][str(number)])
            if label not in names:
                return _none_of(label, names)
            mask[numbers == number] = names.index(label)
        return self._written(row, resized(mask, *self._size(row)), None, seconds)

    def _size(self, row: int) -> tuple[int, int]:
        height, width = self.data.images.select("height", "width").row(row)
        return height, width

    def _written(self, row: int, mask: Array, confidence: float | None, seconds: float) -> Outcome:
        writer = self._masks()
        with self._writing:  # two images may have one stem
            try:
                return writer.write(row, mask, confidence, seconds)
            except PupilaError as fault:  # what the data's masks can't hold: other images would meet it too
                raise self._endpoint.end(fault) from None

    def _masks(self) -> MaskWriter:
        """What writes masks; made once the first mask came."""
        with self._writing:
            if self._writer is None:
                given, told = self.data.legend, self.settings.classes
                wished = told or (list(given.names) if given else None)
                if wished is None:
                    raise self._ends(
                        say("The model draws masks, and their classes were not said"),
                        say("their names in order, for a mask holds numbers"), "--set classes=[background,NAME]",
                    )  # fmt: skip
                try:
                    self._writer = MaskWriter(self.data, list(drawn_legend(wished, given).names))
                except PupilaError as fault:
                    raise self._endpoint.end(fault) from None
            return self._writer

    def _ends(self, what: str, wanted: str, remedy: str = "") -> Stopped:
        return self._endpoint.end(PupilaError(what, self.settings.model, wanted, remedy))


def _none_of(label: str, names: list[str]) -> Left:
    return Left("failed", say("{label} is none of {names}", label=label, names=listing(names, 8)))


def _shares(inner: Any) -> dict[str, float]:
    """Confidence of each class, in either form of the answer."""
    if isinstance(inner, dict):
        return {name: float(one["confidence"]) for name, one in inner.items()}
    return {str(one["class"]): float(one["confidence"]) for one in inner}


def _sender(settings: RoboflowSettings, secret: Secret) -> Callable[[Any], Reply]:
    """What sends a picture; the key travels in a header, for addresses end up in logs."""
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
            raise Unreachable(say("no answer within {seconds:.0f} s", seconds=settings.timeout)) from None
        except httpx.HTTPError as fault:
            raise Unreachable(say("no connection to {host}: {why}", host=host_of(url), why=fault)) from None
        return Reply(
            answer.status_code, {name.lower(): told for name, told in answer.headers.items()}, answer.text
        )

    return send
