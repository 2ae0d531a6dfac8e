"""The images that a client of a service sends, and the predictions that it reads for them."""

from dataclasses import dataclass
from typing import Any

from pupila.api.inputs import is_path, path_text
from pupila.api.predictions import Prediction
from pupila.core import files
from pupila.core.errors import PupilaError, describe_type, name_unread_files
from pupila.core.messages import say
from pupila.imaging.images.decode import ImageFault, ImageLimits, check_pixels, probe
from pupila.imaging.images.memory import encode_lossless, is_picture
from pupila.stages.serve.responses import ResponseReader

_MOST_PIXELS = ImageLimits(max_pixels=178_000_000)  # the most that a service can be set to


@dataclass(frozen=True, slots=True, repr=False)
class ServedPrediction(Prediction):
    """A service's prediction for one image, with the attributes of `Prediction` but for the logits, which are empty.

    The fields of the response are attributes, too: `model_version`, `request_id`, `processing_time`; `explanation`
    (heat maps, with explain=True); `image_id` of a promptable model. See `response`.
    """

    response: Any = None  # of the service, parsed; None: there is no prediction
    item: int = 0  # number of the image in its request

    def __getattr__(self, name: str) -> Any:
        own = name in Prediction.__slots__ or name in ("response", "item")  # looked up while a copy is made
        if not own and self.value is not None and not hasattr(self.value, name):
            return getattr(self.response, name)
        return Prediction.__getattr__(self, name)


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """The bytes of an image file, and where they come from."""

    name: str
    data: bytes
    on_disk: bool

    def to_prediction(self, reader: ResponseReader, response: Any, item: int = 0) -> ServedPrediction:
        """The prediction in a response, for the image with this number in its request.

        Raises:
            ValueError: it is none for this image.
        """
        self._check_sizes(response)
        value = reader.to_prediction(response)
        return ServedPrediction(
            self.name, value, None, None if self.on_disk else self.data, ImageLimits(), response, item
        )

    def _check_sizes(self, response: Any) -> None:
        """Compare the sizes in a response with the image, or bound them where its size is not known."""
        parts: list[Any] = [response, getattr(response, "explanation", None)]
        for part in parts:
            if not hasattr(part, "height"):
                continue
            size, own = (part.width, part.height), self._read_size()
            if min(size) < 1 or own not in (None, size):
                raise ValueError(
                    say("{size} pixels for an image of {own}", size=_format_size(size),
                        own=_format_size(own) if own else say("unknown size"))
                )  # fmt: skip
            check_pixels(*size, _MOST_PIXELS)

    def _read_size(self) -> tuple[int, int] | None:
        """Width and height of the upright image, pixels; None: this machine can't read it, or it was not sent."""
        try:
            header = probe(self.data, _MOST_PIXELS)
        except ImageFault:
            return None
        return header.width, header.height


def load_image(image: Any, number: int) -> LoadedImage:
    """The bytes of an image, as a file has them.

    Args:
        image: a path, bytes, a file that is open for reading bytes, a Pillow image or a numpy array.
        number: that names an image in memory.

    Raises:
        PupilaError: none of these, an address, or a file that can't be read.
    """
    name = str(getattr(image, "filename", "") or say("image {number}", number=number))
    if is_picture(image):
        return LoadedImage(name, encode_lossless(image), on_disk=False)
    if isinstance(image, bytes | bytearray | memoryview):
        return LoadedImage(name, bytes(image), on_disk=False)
    if is_path(image):
        path = path_text(image)
        if files.is_remote(path):
            raise PupilaError(
                say("A client sends files of this machine, no addresses"), path.partition("://")[0] + "://...",
                _taken(), say("download the image, then send its path or its bytes"),
            )  # fmt: skip
        with name_unread_files(path):
            return LoadedImage(path, files.read_bytes(path), on_disk=True)
    content = image.read() if hasattr(image, "read") else None
    if isinstance(content, bytes):
        return LoadedImage(name, content, on_disk=False)
    text = isinstance(content, str)
    raise PupilaError(
        say("Can't send this"), say("a file that is open as text") if text else describe_type(image), _taken(),
        'open(path, "rb")' if text else "",
    )  # fmt: skip


def _taken() -> str:
    return say("a path, the bytes of a file, a file that is open for reading bytes, a Pillow image, or a numpy array "
               "(height, width, 3) of uint8")  # fmt: skip


def _format_size(size: tuple[int, int]) -> str:
    return say("{width} x {height}", width=size[0], height=size[1])
