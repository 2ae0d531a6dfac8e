"""Load a bundle to predict with it again and again."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pupila.api.inputs import Images, ModelInput, is_path, list_images
from pupila.api.predictions import Prediction, Predictions
from pupila.core import files
from pupila.core.display import Displayed, Summary
from pupila.core.errors import PupilaError, describe_type
from pupila.core.extras import public
from pupila.core.messages import say, say_count
from pupila.core.progress import progress

if TYPE_CHECKING:
    from pupila.artifacts.bundle.folder import Bundle
    from pupila.artifacts.bundle.prompter import EncodedImage
    from pupila.imaging.images.memory import NamedBytes
    from pupila.tasks.prompt import Box, Point, Prompt

_MOST_ENCODED = 4  # images whose encoding is remembered for further prompts


class Model(Displayed):
    """A bundle whose session stays loaded.

    Args:
        bundle: from `read_bundle`.

    Raises:
        PupilaError: a prediction for a golden image differs.
    """

    def __init__(self, bundle: "Bundle") -> None:
        from pupila.artifacts.bundle.predictor import Predictor
        from pupila.artifacts.bundle.prompter import Prompter
        from pupila.tasks import TASKS

        self.bundle, self.info, self.task = bundle, bundle.info, TASKS[bundle.info.task]
        self._predictor: Any = Prompter(bundle) if self.task.takes_prompts else Predictor(bundle)
        self._encoded: OrderedDict[str, EncodedImage] = OrderedDict()  # the last used is the last

    @property
    def folder(self) -> str:
        """Of the bundle."""
        return self.bundle.folder

    @property
    def classes(self) -> list[str]:
        """Names in the order of the logits."""
        return list(self.info.classes)

    def predict(
        self,
        images: Images,
        *,
        points: "Iterable[Point]" = (),
        negatives: "Iterable[Point]" = (),
        box: "Box | None" = None,
    ) -> Predictions:
        """The predictions for images, which are held in memory together; `stream` has one at a time.

        Args:
            images: paths, folders, patterns, Pillow images, numpy arrays (height, width, 3) of uint8 RGB or (height,
                width), bytes of files, a list of these, or an open data set.
            points: (x, y) of foreground points in pixels of the upright image, for a promptable model.
            negatives: (x, y) of background points.
            box: x0, y0, x1, y1 around the region.

        Returns:
            One for each image, in order; an image that can't be read has its `fault` instead.

        Raises:
            PupilaError: a path that names nothing, another type, or a prompt that the model needs or does not take.
        """
        prompt = self._check_prompt(tuple(points), tuple(negatives), box)
        sources, skipped = list_sources(images)
        with progress(say("predicting"), len(sources)) as advance:
            items = []
            for prediction in self._predict(sources, prompt):
                items.append(prediction)
                advance(1)
        return Predictions(items, skipped)

    def stream(
        self,
        images: Images,
        *,
        points: "Iterable[Point]" = (),
        negatives: "Iterable[Point]" = (),
        box: "Box | None" = None,
    ) -> Iterator[Prediction]:
        """The predictions of `predict` one by one, in constant memory."""
        return self._predict(
            list_sources(images)[0], self._check_prompt(tuple(points), tuple(negatives), box)
        )

    def summary(self) -> Summary:
        """Task, architecture and classes."""
        facts = {
            say("folder"): self.folder,
            say("task"): self.task.name,
            say("classes"): ", ".join(self.classes),
        }
        count = say_count("{n} class", "{n} classes", len(self.classes))
        return Summary("Model", f"{self.folder}: {self.task.name}, {count}", facts)

    def _check_prompt(
        self, points: "tuple[Point, ...]", negatives: "tuple[Point, ...]", box: "Box | None"
    ) -> "Prompt | None":
        from pupila.tasks.prompt import Prompt, check_prompt_content

        given = bool(points or negatives or box is not None)
        if given == self.task.takes_prompts:
            prompt = Prompt(points, negatives, None if box is None else tuple(box))  # type: ignore[arg-type]
            if given:
                check_prompt_content(prompt)
            return prompt if given else None
        if given:
            raise PupilaError(
                say("This model takes no prompts"), actual=say("the task {task}", task=self.task.name),
                expected=say("images alone"), remedy=say("leave out points, negatives and box"),
            )  # fmt: skip
        raise PupilaError(
            say("This model needs a prompt"), actual=say("no point and no box"),
            expected="points=[(x, y)], box=(x0, y0, x1, y1)",
        )  # fmt: skip

    def _predict(
        self, sources: "Sequence[str | NamedBytes]", prompt: "Prompt | None"
    ) -> Iterator[Prediction]:
        from pupila.imaging.images.decode import ImageFault
        from pupila.imaging.images.memory import source_name

        pairs = (
            self._predictor.stream(sources)
            if prompt is None
            else ((source_name(source), self._predict_prompt(source, prompt)) for source in sources)
        )
        for source, (name, value) in zip(sources, pairs, strict=True):
            fault = value if isinstance(value, ImageFault | PupilaError) else None
            data = None if isinstance(source, str) else source.data
            yield Prediction(name, value if fault is None else None, fault, data, self._predictor.limits)

    def _predict_prompt(self, source: "str | NamedBytes", prompt: "Prompt") -> Any:
        """The prediction for a prompt, or why there is none; an image that was encoded before is not encoded again."""
        from pupila.imaging.images.decode import ImageFault

        try:
            data = files.read_bytes(source) if isinstance(source, str) else source.data
            digest = files.sha256(data)
            if digest not in self._encoded:
                self._encoded[digest] = self._predictor.encode(
                    self._predictor.preprocess(data), all_cores=True
                )
                while len(self._encoded) > _MOST_ENCODED:
                    self._encoded.popitem(last=False)
            self._encoded.move_to_end(digest)
            return self._predictor.predict(self._encoded[digest], prompt)
        except OSError as fault:
            return ImageFault("unreadable", fault.strerror or str(fault))
        except (ImageFault, PupilaError) as fault:
            return fault


@public
def load(model: ModelInput, *, sha256: str | None = None) -> Model:
    """Load a bundle to predict with it again and again; its hashes and its golden predictions are checked once.

    Args:
        model: a bundle or a run, or its folder.
        sha256: the hash that the bundle must have, as `bundle.json` had it where it was made; None: any.

    Raises:
        PupilaError: no bundle, one that was modified, one with another hash, or one whose golden predictions differ on
            this machine.
    """
    from pupila.artifacts.run.source import parse_predicting, pin_bundle

    pinned = pin_bundle(model, sha256)
    return model if isinstance(model, Model) else Model(parse_predicting(pinned).bundle)


def pin(model: ModelInput, sha256: str | None) -> ModelInput:
    """The model itself, or, where a hash is given, its bundle or run, whose bundle was read and has that hash.

    Raises:
        PupilaError: no bundle, one that was modified, or one with another hash.
    """
    from pupila.artifacts.run.source import pin_bundle

    return pin_bundle(model, sha256)


def name_registry(model: str, registry: str | None) -> str:
    """The name of a version such as `registry:octagons@3` with the registry's URI in it; any other model as it is.

    Raises:
        PupilaError: no name of a version.
    """
    from pupila.artifacts.registry.names import add_registry

    return add_registry(model, registry)


def list_sources(images: Images) -> "tuple[list[str | NamedBytes], str]":
    """The addresses of files, the bytes of images in memory, each with a name, and what folders hold besides."""
    from pupila.imaging.images.memory import NamedBytes, encode_lossless
    from pupila.stages.predict.inputs import SkippedFiles, find_images

    sources: list[str | NamedBytes] = []
    skipped = SkippedFiles()
    for number, item in enumerate(list_images(images)):
        if is_path(item):
            sources += find_images([str(item)], skipped)
        elif hasattr(item, "image_path"):
            sources.append(item.image_path)
        else:
            data = bytes(item) if isinstance(item, bytes | bytearray) else encode_lossless(item)
            name = getattr(item, "filename", "") or say("image {number}", number=number)
            sources.append(NamedBytes(str(name), data))
    if not sources:
        raise PupilaError(
            say("No images found"),
            actual=skipped.describe() or describe_type(images),
            expected=say("at least one image"),
        )
    return sources, skipped.describe()
