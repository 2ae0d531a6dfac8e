"""Answering prompts: an image is encoded once, then every prompt costs the small decoder alone."""

from dataclasses import dataclass
from functools import cached_property

from pupila.artifacts.bundle.folder import Bundle, check_golden, file_of, prepared
from pupila.artifacts.bundle.session import Session
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import Array, ImageLimits
from pupila.tasks.prompt import (
    DECODER,
    ENCODER,
    PROMPT,
    Prompt,
    PromptAnswer,
    Raw,
    check_prompt,
    placed_prompt,
    prompt_answer,
)
from pupila.tasks.task import Prepared


@dataclass(frozen=True, slots=True)
class Encoded:
    """An image, ready for prompts."""

    maps: list[Array]  # what the decoder takes of it, (1, ...) float32 each
    image: Prepared  # its sizes; the inputs are of no more use

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        valid = self.image.valid
        return sum(one.nbytes for one in self.maps) + (0 if valid is None else valid.nbytes)


class Prompter:
    """A bundle that answers prompts.

    Args:
        bundle: as `read_bundle` gives it.
        limits: what images to refuse.
        threads: that one run uses; None: one per core.

    Raises:
        PupilaError: the bundle answers no prompts, or a golden answer is off.
    """

    def __init__(self, bundle: Bundle, limits: ImageLimits | None = None, threads: int | None = None) -> None:
        self.bundle, self.info, self.limits = bundle, bundle.info, limits or ImageLimits()
        if file_of(DECODER) not in self.info.files:
            raise PupilaError(
                say("This bundle answers no prompts"), found=say("the task {task}", task=self.info.task),
                wanted=say("a bundle of a promptable model, such as pupila-sam"),
                remedy="pupila train DATA --set model=pupila-sam",
            )  # fmt: skip
        self._encoder = Session(bundle.read(file_of(ENCODER)), threads)
        self._decoder = Session(bundle.read(file_of(DECODER)), threads)
        check_golden(bundle, {ENCODER: self._encoder.run, DECODER: self._decoder.run})

    def prepare(self, data: bytes, bands: BandSettings | None = None) -> Prepared:
        """The bytes of an image as the encoder's input.

        Args:
            data: of a file.
            bands: how the bands of a TIFF become colours, where the bundle leaves it open.

        Raises:
            ImageFault: no usable image.
        """
        spec = self.info.preparation
        return prepared(data, PROMPT, spec.model_copy(update={"bands": spec.bands or bands}), self.limits)

    @cached_property
    def on_all_cores(self) -> Session:
        """The encoder once more; one run of it has all cores, however many `threads` the others have."""
        return Session(self.bundle.read(file_of(ENCODER)))

    def encode(self, image: Prepared, alone: bool = False) -> Encoded:
        """The slow part, once for each image.

        Args:
            image: as `prepare` gives it.
            alone: nothing else is to be encoded, so that the run may have all cores.
        """
        session = self.on_all_cores if alone else self._encoder
        # A slice would keep the inputs in memory, which are larger than the maps.
        known = Prepared(image.inputs[:0].copy(), image.height, image.width, image.valid)
        return Encoded(session.run(image.inputs), known)

    def raw(self, encoded: Encoded, prompt: Prompt) -> Raw:
        """What the decoder says to a prompt.

        Raises:
            PupilaError: the prompt means nothing in this image.
        """
        height, width = encoded.image.height, encoded.image.width
        check_prompt(prompt, height, width)
        points, labels = placed_prompt(prompt, height, width, self.info)
        masks, quality = self._decoder.run(*encoded.maps, points[None, None], labels[None, None])
        return Raw(masks[0, 0], quality[0, 0], prompt)

    def answer(self, encoded: Encoded, prompt: Prompt) -> PromptAnswer:
        """The quick part, for each prompt.

        Raises:
            PupilaError: the prompt means nothing in this image.
        """
        return prompt_answer(self.raw(encoded, prompt), encoded.image, self.info)
