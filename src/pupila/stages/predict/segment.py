"""Predicted masks as rows and, with an output folder, as files: masks, overlays and polygons."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial

import numpy as np

from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.predictions.rows import FailedRow
from pupila.artifacts.predictions.segment import MASK, MaskRow, figure_column
from pupila.core import files
from pupila.core.errors import MissingExtra
from pupila.core.messages import percent, say, say_count
from pupila.core.threads import CORES, prefetch
from pupila.core.vocabulary import IGNORE
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.geotiff.scene import Scene, is_tiff, open_scene
from pupila.imaging.geotiff.write import open_mask_writer, write_geojson
from pupila.imaging.images.decode import Array, ImageFault
from pupila.imaging.masks.label_map import class_colours
from pupila.imaging.regions import RegionCounter
from pupila.stages.predict.coco import Annotation, annotations, coco_writer
from pupila.stages.predict.mask_files import (
    region_statistics,
    unique_stems,
    write_class_file,
    write_mask_files,
)
from pupila.stages.predict.rows import Cells, Output, TaskPredictor, error_row
from pupila.tasks.segment import (
    MaskPrediction,
    describe_mask,
    foreground_classes,
    post_process,
    predict_strips,
)
from pupila.tasks.task import PreprocessedImage


def _rows(predictor: Predictor, uris: Iterable[str], output: Output) -> Iterator[MaskRow | FailedRow]:
    # The tiles of one image run on all cores; images that are resized run on one core each.
    workers = 0 if predictor.info.preprocessing.view == "tile" else CORES
    write_class_file(output, predictor.info.classes)
    with coco_writer(output, predictor.info.classes) as annotate:
        for row, regions in prefetch(unique_stems(uris), partial(_predict_file, predictor, output), workers):
            annotate(row, regions)
            yield row


def _predict_file(
    predictor: Predictor, output: Output, item: tuple[str, str]
) -> tuple[MaskRow | FailedRow, list[Annotation] | None]:
    """One image's row, and its annotations."""
    uri = item[0]
    try:
        if is_tiff(uri):
            bands = predictor.info.preprocessing.bands or output.bands
            with open_scene(uri, bands, predictor.limits) as scene:
                if scene.by_windows:
                    return _predict_scene(predictor, scene, output, item), None
        return _predict_image(predictor, files.read_bytes(uri), output, item)
    except (ImageFault, OSError, MissingExtra) as fault:
        return error_row(uri, fault), None


def _predict_image(
    predictor: Predictor, data: bytes, output: Output, item: tuple[str, str]
) -> tuple[MaskRow, list[Annotation]]:
    uri, stem = item
    alone = predictor.info.preprocessing.view == "tile"
    prediction: MaskPrediction = predictor.predict_batch([predictor.preprocess(data)], alone)[0]
    mask, classes = prediction.mask, predictor.info.classes
    counter = RegionCounter()
    counter.add(mask)
    row = _row(uri, mask.shape, prediction.confidence, (predictor, counter))
    if output.folder is None:
        return row, []
    rgb = read_image(data, predictor.info.preprocessing.bands, predictor.limits).rgb
    paths = write_mask_files(output, stem, rgb, mask, len(classes))
    return row.model_copy(update=paths), annotations(mask, classes) if output.polygons else []


def _predict_scene(predictor: Predictor, scene: Scene, output: Output, item: tuple[str, str]) -> MaskRow:
    """A scene's row; its mask is written strip by strip."""
    classes, counter, confidence = predictor.info.classes, RegionCounter(), 0.0
    uri, stem = item
    path = f"{output.folder}/masks/{stem}.tif"
    with (
        open_mask_writer(path, scene, classes, class_colours(len(classes)))
        if output.folder else nullcontext(lambda top, strip: None) as write
    ):  # fmt: skip
        for top, mask, shares in _predict_strips(predictor, scene):
            valid = scene.valid(top, 0, *mask.shape)
            mask[~valid] = IGNORE
            confidence += float(shares[valid].sum(dtype=float))
            counter.add(mask)
            write(top, mask)
    predicted = sum(map(sum, counter.areas().values()))
    row = _row(uri, (scene.height, scene.width), confidence / max(1, predicted), (predictor, counter))
    if output.folder is None:
        return row
    paths = {"mask": path}
    if output.polygons:
        paths["polygons"] = f"{output.folder}/polygons/{stem}.geojson"
        write_geojson(path, paths["polygons"], foreground_classes(classes))
    return row.model_copy(update=paths)


def _predict_strips(predictor: Predictor, scene: Scene) -> Iterator[tuple[int, Array, Array]]:
    """(top, class indices, probability of each pixel's class), the scene from its top."""
    info, fits = predictor.info, scene.height * scene.width <= predictor.limits.max_pixels
    if info.preprocessing.view == "tile":
        strips = predict_strips(scene, predictor.logits, info)
        if not fits:
            yield from strips
            return
        _, masks, shares = zip(*strips, strict=True)
        yield (
            0,
            post_process(np.concatenate(masks), info.post_processing, info.preprocessing),
            np.concatenate(shares),
        )
        return
    if not fits:
        raise ImageFault("oversized", say(
            "{n} pixels; this bundle resizes whole images of at most {most} pixels. Train one with --view tile",
            n=scene.height * scene.width, most=predictor.limits.max_pixels,
        ))  # fmt: skip
    pixels = scene.read(0, 0, scene.height, scene.width)
    image = PreprocessedImage(predictor.task.inputs(pixels, info.preprocessing), scene.height, scene.width)
    prediction: MaskPrediction = predictor.predict_batch([image])[0]
    yield 0, prediction.mask, np.full(prediction.mask.shape, prediction.confidence, np.float32)


def _row(
    uri: str, size: tuple[int, ...], confidence: float, counted: tuple[Predictor, RegionCounter]
) -> MaskRow:
    info, areas = counted[0].info, counted[1].areas()
    predicted = sum(map(sum, areas.values()))
    return MaskRow(
        image=uri, width=size[1], height=size[0], confidence=round(confidence, 6),
        abstained=confidence < info.post_processing.abstain_below,
        classes={
            name: region_statistics(areas.get(index, []), predicted) for index, name in enumerate(info.classes)
        },
    )  # fmt: skip


def _cells(row: MaskRow, folder: str) -> Cells:
    figures = {
        figure_column(key, name): figure
        for name, regions in row.classes.items()
        for key, figure in dict(regions).items()
    }
    return {**dict(row), MASK: files.relative(row.mask, folder) if row.mask else "", **figures}


def _summarize(row: MaskRow) -> str:
    texts = {
        name: say_count("{class_name} {share} in {n} region", "{class_name} {share} in {n} regions", regions.regions,
                        class_name=name, share=percent(regions.share)) if regions.regions else ""
        for name, regions in row.classes.items()
    }  # fmt: skip
    return describe_mask(texts, row.abstained)


SEGMENT = TaskPredictor(Predictor, _rows, _cells, _summarize)
