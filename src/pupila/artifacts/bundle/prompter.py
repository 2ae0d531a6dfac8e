"""Predict masks from prompts: an image is encoded once, then each prompt runs the small decoder only."""

from dataclasses import dataclass
from functools import cached_property

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.golden import preprocess_bytes
from pupila.artifacts.bundle.interface import open_sessions
from pupila.artifacts.bundle.parts import onnx_file
from pupila.artifacts.bundle.runtimes import ONNX_RUNTIME, InferenceRuntime
from pupila.artifacts.bundle.session import ModelSession
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import Array, ImageLimits
from pupila.tasks import TASKS
from pupila.tasks.prompt import (
    DECODER,
    ENCODER,
    PROMPT,
    DecoderOutput,
    Prompt,
    PromptPrediction,
    check_prompt,
    predict_prompt,
    scale_prompt,
)
from pupila.tasks.task import PreprocessedImage


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image encoded for prompts."""

    maps: list[Array]  # feature maps for the decoder, (1, ...) float32 each
    image: PreprocessedImage  # the sizes; the inputs are empty

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        valid = self.image.valid
        return sum(array.nbytes for array in self.maps) + (0 if valid is None else valid.nbytes)


class Prompter:
    """A promptable bundle, loaded for prediction.

    Args:
        bundle: from `read_bundle`.
        limits: what images to refuse.
        threads: for one run; None: one per core.
        runtime: that runs the models.

    Raises:
        PupilaError: the bundle takes no prompts, or a prediction for a golden image differs.
    """

    def __init__(
        self, bundle: Bundle, limits: ImageLimits | None = None, threads: int | None = None,
        runtime: InferenceRuntime = ONNX_RUNTIME,
    ) -> None:  # fmt: skip
        self.runtime = runtime
        self.bundle, self.info, self.limits = bundle, bundle.info, limits or ImageLimits()
        if not TASKS[self.info.task].takes_prompts:
            raise PupilaError(
                say("This bundle takes no prompts"), actual=say("the task {task}", task=self.info.task),
                expected=say("a bundle of a promptable model, such as pupila-sam"),
                remedy="pupila train DATA --model pupila-sam",
            )  # fmt: skip
        sessions = open_sessions(bundle, threads, runtime)
        self._encoder, self._decoder = sessions[ENCODER], sessions[DECODER]

    def preprocess(self, data: bytes, bands: BandSettings | None = None) -> PreprocessedImage:
        """The encoder's input from the bytes of an image.

        Args:
            data: of a file.
            bands: how the bands of a TIFF become colours, unless the bundle sets it.

        Raises:
            ImageFault: not a usable image.
        """
        spec = self.info.preprocessing
        return preprocess_bytes(
            data, PROMPT, spec.model_copy(update={"bands": spec.bands or bands}), self.limits
        )

    @cached_property
    def all_cores_encoder(self) -> ModelSession:
        """The encoder in a session whose every run uses all cores, whatever `threads` is."""
        return self.runtime.open(self.bundle.read(onnx_file(ENCODER)), None)

    def encode(self, image: PreprocessedImage, all_cores: bool = False) -> EncodedImage:
        """The slow part, once for each image.

        Args:
            image: from `preprocess`.
            all_cores: whether the run may use all cores, as when no other request waits.
        """
        session = self.all_cores_encoder if all_cores else self._encoder
        # A slice would keep the inputs in memory, which are larger than the maps.
        sizes = PreprocessedImage(image.inputs[:0].copy(), image.height, image.width, image.valid)
        return EncodedImage(session.run(image.inputs), sizes)

    def decode(self, encoded: EncodedImage, prompt: Prompt) -> DecoderOutput:
        """The decoder's output for a prompt.

        Raises:
            PupilaError: the prompt lies outside the image.
        """
        height, width = encoded.image.height, encoded.image.width
        check_prompt(prompt, height, width)
        points, labels = scale_prompt(prompt, height, width, self.info)
        masks, predicted_iou = self._decoder.run(*encoded.maps, points[None, None], labels[None, None])
        return DecoderOutput(masks[0, 0], predicted_iou[0, 0], prompt)

    def predict(self, encoded: EncodedImage, prompt: Prompt) -> PromptPrediction:
        """The fast part, once for each prompt.

        Raises:
            PupilaError: the prompt lies outside the image.
        """
        return predict_prompt(self.decode(encoded, prompt), encoded.image, self.info)
