"""Masks for one prompt in every image, as rows and, with an output folder, as files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.predictions.prompt import PromptRow, RunLengths
from pupila.artifacts.predictions.rows import FailedRow
from pupila.artifacts.predictions.segment import MASK
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import percent, say, say_count
from pupila.core.threads import prefetch
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.decode import ImageFault
from pupila.imaging.regions import RegionCounter, to_rle
from pupila.stages.predict.coco import Annotation, annotations, coco_writer
from pupila.stages.predict.mask_files import (
    region_statistics,
    unique_stems,
    write_class_file,
    write_mask_files,
)
from pupila.stages.predict.rows import Cells, Output, TaskPredictor, error_row
from pupila.tasks.prompt import check_prompt, describe_prompted
from pupila.tasks.task import PreprocessedImage

_FOREGROUND = 1  # value in a mask


@dataclass(frozen=True, slots=True)
class _PreparedImage:
    """An image that is ready for the encoder."""

    uri: str
    stem: str  # of its files
    data: bytes
    image: PreprocessedImage


def _rows(prompter: Prompter, uris: Iterable[str], output: Output) -> Iterator[PromptRow | FailedRow]:
    # Images are prefetched; the encoder, by far the slowest part, runs one image at a time on all cores.
    write_class_file(output, prompter.info.classes)
    with coco_writer(output, prompter.info.classes) as annotate:
        for image in prefetch(unique_stems(uris), partial(_read, prompter, output)):
            row, regions = (
                _predict_image(prompter, output, image)
                if isinstance(image, _PreparedImage)
                else (image, None)
            )
            annotate(row, regions)
            yield row


def _read(prompter: Prompter, output: Output, item: tuple[str, str]) -> _PreparedImage | FailedRow:
    """A preprocessed image that the prompt fits, or the row with the error."""
    uri, stem = item
    try:
        data = files.read_bytes(uri)
        image = prompter.preprocess(data, output.bands)
    except (ImageFault, OSError) as fault:
        return error_row(uri, fault)
    try:
        check_prompt(output.prompt, image.height, image.width)
    except PupilaError as fault:
        return error_row(uri, fault, "bad-prompt")
    return _PreparedImage(uri, stem, data, image)


def _predict_image(
    prompter: Prompter, output: Output, read: _PreparedImage
) -> tuple[PromptRow | FailedRow, list[Annotation] | None]:
    """One image's row and its annotations."""
    encoded, classes = prompter.encode(read.image), prompter.info.classes
    prediction = prompter.predict(encoded, output.prompt)
    counter = RegionCounter()
    counter.add(prediction.mask)
    statistics = region_statistics(counter.areas().get(_FOREGROUND, []), prediction.mask.size)
    row = PromptRow(
        image=read.uri, width=read.image.width, height=read.image.height,
        predicted_iou=round(prediction.predicted_iou, 6), confidence=round(prediction.confidence, 6),
        abstained=prediction.abstained, share=round(prediction.share, 6), pixels=statistics.pixels,
        regions=statistics.regions, mask=RunLengths(**to_rle(prediction.mask)),
    )  # fmt: skip
    if output.folder is None:
        return row, None
    try:
        bands = prompter.info.preprocessing.bands or output.bands
        rgb = read_image(read.data, bands, prompter.limits).rgb
    except ImageFault as fault:
        return error_row(read.uri, fault), None
    paths = write_mask_files(output, read.stem, rgb, prediction.mask, len(classes))
    shapes = annotations(prediction.mask, classes) if output.polygons else []
    return row.model_copy(update=paths), shapes


def _cells(row: PromptRow, folder: str) -> Cells:
    return {**dict(row), MASK: files.relative(row.mask, folder) if isinstance(row.mask, str) else ""}


def _summarize(row: PromptRow) -> str:
    if not row.pixels:
        return say("empty mask")
    extent = say_count(
        "{share} of the image in {n} region", "{share} of the image in {n} regions", row.regions,
        share=percent(row.share),
    )  # fmt: skip
    return describe_prompted(extent, row.predicted_iou, row.abstained)


PROMPT = TaskPredictor(Prompter, _rows, _cells, _summarize)
