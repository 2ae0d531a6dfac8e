"""The settings of the server."""

import re
from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from pupila.artifacts.web.limits import BodyLimits, ConnectionLimits
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageLimits

_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")


class ServeSettings(ImageLimits):
    """Limits, queue and threads."""

    max_bytes: PositiveInt = Field(default=20_000_000, description="maximum size of an image file, bytes")
    max_files: PositiveInt = Field(default=64, description="maximum number of images per batch request")
    queue: PositiveInt = Field(
        default=256, description="maximum number of images in the queue; more get a 503"
    )
    max_batch_size: PositiveInt = Field(default=2, description="maximum number of images per forward pass")
    max_explanations: PositiveInt = Field(
        default=4,
        description="maximum number of requests with explain=true at once, each with one image at a time; more get "
        "a 503",
    )
    max_embeddings: PositiveInt = Field(
        default=32, description="embeddings to cache, most recently used (promptable bundles)"
    )
    max_embedding_bytes: PositiveInt = Field(
        default=512_000_000, description="total size of the cached embeddings, bytes"
    )
    max_decode_memory: PositiveInt | None = Field(
        default=None,
        description="memory of all decoding threads, bytes; null: a quarter of the machine's",
    )
    threads: PositiveInt | None = Field(
        default=None, description="threads that decode and predict, each on one core; null: one per core"
    )
    runtime: Literal["onnxruntime", "openvino", "auto"] = Field(
        default="onnxruntime",
        description="library that runs the model; auto: OpenVINO where it is faster on this machine and predicts the "
        "same as ONNX Runtime",
    )
    max_connections: PositiveInt = Field(
        default=512, description="maximum number of connections; above it slow clients are disconnected"
    )
    request_timeout: PositiveFloat = Field(
        default=600, description="maximum time for a client to send a request, seconds; later ones get a 408"
    )
    poll_seconds: NonNegativeFloat = Field(
        default=10,
        description="time between two polls of an alias or of a bundle in a store, seconds; 0: never",
    )
    drain_seconds: NonNegativeFloat = Field(
        default=0,
        description="time after SIGTERM in which requests are still served while /health/ready is a 503, so that a "
        "load balancer sends no more, seconds",
    )
    max_open_bytes: PositiveInt = Field(
        default=2_000_000_000,
        description="total bytes of the requests that are received or predicted; more get a 503",
    )

    tokens: str | None = Field(
        default=None,
        description="file of tokens (`pupila token new`): every request needs one; null: none does",
    )
    open: bool = Field(
        default=False,
        description="serve other machines without tokens: whoever reaches the service may use it",
    )
    address_rate: str = Field(
        default="60/min",
        description="maximum number of requests without a valid token from one address; more get a 429",
    )
    trusted_proxy: list[str] = Field(
        default=[], description="addresses or networks of proxies whose X-Forwarded-For names the client"
    )
    certificate: str | None = Field(
        default=None, description="PEM file of a certificate, for https; null: plain http"
    )
    key: str | None = Field(default=None, description="PEM file of the certificate's private key")
    cors: list[str] = Field(
        default=[],
        description="origins of the web pages that may call the service, such as https://shop.example",
    )
    log_folder: str | None = Field(
        default=None,
        description="folder of access.jsonl and security.jsonl; -: both to the standard output; null: no access log, "
        "and refusals to the standard error",
    )
    emf: str | None = Field(
        default=None,
        description="name under which the metrics go to the standard output each minute, as JSON lines for CloudWatch; "
        "null: they do not",
    )
    log_bytes: PositiveInt = Field(
        default=50_000_000, description="maximum size of a log file, bytes; five older ones are beside it"
    )
    log_predictions: str | None = Field(
        default=None,
        description="folder of predictions.jsonl, with a line for each predicted image, and of feedback.jsonl; null: "
        "neither is recorded",
    )
    keep_images: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the images that are stored beside predictions.jsonl, drawn at random, such as "
        "share=0.02; needs log_predictions",
    )
    keep_images_bytes: PositiveInt = Field(
        default=1_000_000_000,
        description="total size of the stored images, bytes; above it the oldest ones are deleted",
    )
    false_alarm_every: PositiveInt = Field(
        default=10_000,
        description="mean number of groups of images between two false alarms of drift, at least; needs "
        "log_predictions and a bundle with a reference",
    )
    workers: int = Field(default=1, description="processes; 1, as one serves with all cores")

    @field_validator("workers")
    @classmethod
    def _refuse_workers(cls, workers: int) -> int:
        if workers != 1:
            raise ValueError(say("{n} processes; one serves with all cores (setting threads), and its queue and rates "
                                 "count all requests", n=workers))  # fmt: skip
        return workers

    @field_validator("emf")
    @classmethod
    def _check_emf(cls, name: str | None) -> str | None:
        if name is not None and not _SERVICE.fullmatch(name):
            raise ValueError(say("{name}: CloudWatch takes 1 to 255 letters, digits and .-_ after a letter or digit",
                                 name=repr(name)))  # fmt: skip
        return name

    @field_validator("keep_images", mode="before")
    @classmethod
    def _read_share(cls, share: object) -> object:
        return share.removeprefix("share=") if isinstance(share, str) else share

    def body_limits(self) -> BodyLimits:
        """Limits of the bodies of requests; one full batch is always taken."""
        body = self.max_bytes * self.max_files
        return BodyLimits(body, max(body, self.max_open_bytes), files=min(self.max_files, self.queue))

    def connection_limits(self) -> ConnectionLimits:
        """Limits of connections."""
        return ConnectionLimits(
            connections=self.max_connections,
            request_seconds=self.request_timeout,
            drain_seconds=self.drain_seconds,
        )
