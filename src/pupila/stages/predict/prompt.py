"""The masks of what one prompt means in every image, as rows and, where a folder is given, as files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from pupila.artifacts.bundle.prompter import Prompter
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_count
from pupila.core.threads import ahead
from pupila.imaging.geotiff.picture import read_picture
from pupila.imaging.images.decode import ImageFault
from pupila.imaging.regions import RegionCounter, to_rle
from pupila.stages.predict.coco import Annotation, annotating, annotations
from pupila.stages.predict.mask_files import figures, stems, write_drawn
from pupila.stages.predict.rows import Output, Row, Telling, fault_row
from pupila.tasks.prompt import check_prompt
from pupila.tasks.task import Prepared

_FIGURES = ("share", "pixels", "regions")
_IT = 1  # what is meant, in a mask


@dataclass(frozen=True, slots=True)
class _Read:
    """An image that waits for the encoder."""

    uri: str
    stem: str  # of its files
    data: bytes
    image: Prepared


def _rows(prompter: Prompter, uris: Iterable[str], output: Output) -> Iterator[Row]:
    # Images are read ahead; the encoder, which takes by far the longest, has all cores for one after the other.
    with annotating(output, prompter.info.classes) as annotate:
        for read in ahead(stems(uris), partial(_read, prompter, output)):
            row, found = _answered(prompter, output, read) if isinstance(read, _Read) else (read, None)
            annotate(row, found)
            yield row


def _read(prompter: Prompter, output: Output, named: tuple[str, str]) -> _Read | Row:
    """An image to which the prompt fits, or the row that says why there is no answer."""
    uri, stem = named
    try:
        data = files.read_bytes(uri)
        image = prompter.prepare(data, output.bands)
    except (ImageFault, OSError) as fault:
        return fault_row(uri, fault)
    try:
        check_prompt(output.prompt, image.height, image.width)
    except PupilaError as fault:
        return fault_row(uri, fault, "bad-prompt")
    return _Read(uri, stem, data, image)


def _answered(prompter: Prompter, output: Output, read: _Read) -> tuple[Row, list[Annotation] | None]:
    """One image's row and its annotations."""
    encoded, classes = prompter.encode(read.image), prompter.info.classes
    answer = prompter.answer(encoded, output.prompt)
    counter = RegionCounter()
    counter.add(answer.mask)
    told = figures(counter.areas().get(_IT, []), answer.mask.size)
    row = {
        "image": read.uri, "width": read.image.width, "height": read.image.height, "quality": round(answer.quality, 6),
        "confidence": round(answer.confidence, 6), "abstained": answer.abstained,
        **{name: told[name] for name in _FIGURES}, "share": round(answer.share, 6),
    }  # fmt: skip
    if output.folder is None:
        return {**row, "mask": to_rle(answer.mask)}, None
    try:
        bands = prompter.info.preparation.bands or output.bands
        rgb = read_picture(read.data, bands, prompter.limits).rgb
    except ImageFault as fault:
        return fault_row(read.uri, fault), None
    row |= write_drawn(output.folder, read.stem, rgb, answer.mask, len(classes))
    return row, annotations(answer.mask, classes) if output.polygons else []


def _columns(_: list[str]) -> list[str]:
    return ["image", "mask", "width", "height", "quality", "confidence", "abstained", "error", *_FIGURES]


def _cells(told: Row, folder: str) -> Row:
    return {**told, "mask": files.relative(told["mask"], folder) if "overlay" in told else ""}


def _for_people(told: Row) -> str:
    if not told["pixels"]:
        return say("nothing")
    found = say_count(
        "{share:.1%} in one region", "{share:.1%} in {n} regions", told["regions"], share=told["share"]
    )
    unsure = say(" (too unsure to count)") if told["abstained"] else ""
    return say("{found}, expected IoU {quality:.2f}", found=found, quality=told["quality"]) + unsure


PROMPTED = Telling(Prompter, _rows, _columns, _cells, _for_people, writes=True, prompted=True)
