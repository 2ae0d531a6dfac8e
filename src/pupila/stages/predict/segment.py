"""The masks of images as rows and, where a folder is given, as files: masks, overlays and outlines."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial

import numpy as np

from pupila.artifacts.bundle.predictor import Predictor
from pupila.core import files
from pupila.core.errors import MissingExtra
from pupila.core.messages import say, say_count
from pupila.core.threads import CORES, ahead
from pupila.core.vocabulary import IGNORE
from pupila.imaging.geotiff.scene import Scene, is_tiff, open_scene
from pupila.imaging.geotiff.write import write_geojson, writing_mask
from pupila.imaging.images.decode import Array, ImageFault, decode
from pupila.imaging.masks.label_map import colours
from pupila.imaging.regions import RegionCounter
from pupila.stages.predict.coco import Annotation, annotating, annotations
from pupila.stages.predict.mask_files import figures, stems, write_drawn
from pupila.stages.predict.rows import Output, Row, Telling, fault_row
from pupila.tasks.segment import MaskAnswer, answered_strips, refined, things
from pupila.tasks.task import Prepared

_FIGURES = ("share", "regions", "pixels", "mean", "largest")  # of each class


def _rows(predictor: Predictor, uris: Iterable[str], output: Output) -> Iterator[Row]:
    # The tiles of one picture run on all cores; pictures that are resized are answered on one core each.
    workers = 0 if predictor.info.preparation.view == "tile" else CORES
    with annotating(output, predictor.info.classes) as annotate:
        for row, found in ahead(stems(uris), partial(_answered, predictor, output), workers):
            annotate(row, found)
            yield row


def _answered(
    predictor: Predictor, output: Output, named: tuple[str, str]
) -> tuple[Row, list[Annotation] | None]:
    """One image's row, and the annotations of a picture."""
    uri, stem = named
    try:
        if is_tiff(uri):
            bands = predictor.info.preparation.bands or output.bands
            with open_scene(uri, bands, predictor.limits) as scene:
                if scene.by_windows:
                    return {"image": uri, **_scene(predictor, scene, output, stem)}, None
        told, found = _picture(predictor, files.read_bytes(uri), output, stem)
        return {"image": uri, **told}, found
    except (ImageFault, OSError, MissingExtra) as fault:
        return fault_row(uri, fault), None


def _picture(predictor: Predictor, data: bytes, output: Output, stem: str) -> tuple[Row, list[Annotation]]:
    alone = predictor.info.preparation.view == "tile"
    answer: MaskAnswer = predictor.answers([predictor.prepare(data)], alone)[0]
    mask, classes = answer.mask, predictor.info.classes
    counter = RegionCounter()
    counter.add(mask)
    told = _row(mask.shape, answer.confidence, predictor, counter)
    if output.folder is None:
        return told, []
    told |= write_drawn(output.folder, stem, decode(data, predictor.limits), mask, len(classes))
    return told, annotations(mask, classes) if output.polygons else []


def _scene(predictor: Predictor, scene: Scene, output: Output, stem: str) -> Row:
    """A scene's row; its mask is written strip by strip."""
    classes, counter, sure = predictor.info.classes, RegionCounter(), 0.0
    path = f"{output.folder}/masks/{stem}.tif"
    with (
        writing_mask(path, scene, classes, colours(len(classes)))
        if output.folder else nullcontext(lambda top, strip: None) as write
    ):  # fmt: skip
        for top, mask, shares in _strips(predictor, scene):
            valid = scene.valid(top, 0, *mask.shape)
            mask[~valid] = IGNORE
            sure += float(shares[valid].sum(dtype=float))
            counter.add(mask)
            write(top, mask)
    answered = sum(map(sum, counter.areas().values()))
    told = _row((scene.height, scene.width), sure / max(1, answered), predictor, counter)
    if output.folder is None:
        return told
    told["mask"] = path
    if output.polygons:
        told["polygons"] = f"{output.folder}/polygons/{stem}.geojson"
        write_geojson(path, told["polygons"], things(classes))
    return told


def _strips(predictor: Predictor, scene: Scene) -> Iterator[tuple[int, Array, Array]]:
    """(top, class indices, probability of each pixel's class), the scene from its top."""
    info, fits = predictor.info, scene.height * scene.width <= predictor.limits.max_pixels
    if info.preparation.view == "tile":
        strips = answered_strips(scene, predictor.logits, info)
        if not fits:
            yield from strips
            return
        _, masks, shares = zip(*strips, strict=True)
        yield 0, refined(np.concatenate(masks), info.decision, info.preparation), np.concatenate(shares)
        return
    if not fits:
        raise ImageFault("oversized", say(
            "{n} pixels, and this bundle sees pictures as a whole, up to {most}: train one with view=tile",
            n=scene.height * scene.width, most=predictor.limits.max_pixels,
        ))  # fmt: skip
    pixels = scene.read(0, 0, scene.height, scene.width)
    image = Prepared(predictor.task.inputs(pixels, info.preparation), scene.height, scene.width)
    answer: MaskAnswer = predictor.answers([image])[0]
    yield 0, answer.mask, np.full(answer.mask.shape, answer.confidence, np.float32)


def _row(size: tuple[int, ...], confidence: float, predictor: Predictor, counter: RegionCounter) -> Row:
    areas, info = counter.areas(), predictor.info
    answered = sum(map(sum, areas.values()))
    return {
        "width": size[1], "height": size[0], "confidence": round(confidence, 6),
        "abstained": confidence < info.decision.abstain_below,
        "classes": {name: figures(areas.get(index, []), answered) for index, name in enumerate(info.classes)},
    }  # fmt: skip


def _columns(classes: list[str]) -> list[str]:
    figures = [f"{figure}:{name}" for name in classes for figure in _FIGURES]
    return ["image", "mask", "width", "height", "confidence", "abstained", "error", *figures]


def _cells(told: Row, folder: str) -> Row:
    figures = {f"{key}:{name}": figure for name, of in told["classes"].items() for key, figure in of.items()}
    mask = {"mask": files.relative(told["mask"], folder)} if "mask" in told else {}
    return {**told, **mask, **figures}


def _for_people(told: Row) -> str:
    bare = set(told["classes"]) - set(things(list(told["classes"])).values())
    parts = [
        say_count("{name} {share:.1%} in one region", "{name} {share:.1%} in {n} regions", of["regions"],
                  name=name, share=of["share"])
        for name, of in told["classes"].items() if of["regions"] and name not in bare
    ]  # fmt: skip
    unsure = say(" (too unsure to count)") if told["abstained"] else ""
    return (", ".join(parts) or say("background only")) + unsure


MASKS = Telling(Predictor, _rows, _columns, _cells, _for_people, writes=True)
