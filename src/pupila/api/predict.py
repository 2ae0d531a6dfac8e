"""Predict with a bundle: in memory, or any number of images into a table and a folder."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from pupila.api.inputs import Images, ModelInput, Path, path_text
from pupila.api.load import load
from pupila.api.options import BandOptions
from pupila.api.predictions import Predictions
from pupila.core.display import Displayed, Summary, count_classes
from pupila.core.errors import PupilaError
from pupila.core.extras import public
from pupila.core.messages import say, say_count, say_images, translate
from pupila.core.progress import progress

if TYPE_CHECKING:
    from pupila.artifacts.predictions.rows import PredictionRow
    from pupila.artifacts.run.source import PredictingSource
    from pupila.tasks.prompt import Box, Point, Prompt


@public
def predict(
    model: ModelInput,
    images: Images,
    *,
    points: "Iterable[Point]" = (),
    negatives: "Iterable[Point]" = (),
    box: "Box | None" = None,
) -> Predictions:
    """Predict images with a bundle; `pupila.load` keeps it loaded for further calls.

    Args:
        model: a bundle or a run, its folder, or what `pupila.load` gives.
        images: paths, folders, patterns, Pillow images, numpy arrays (height, width, 3) of uint8 RGB or (height,
            width), bytes of files, a list of these, or an open data set.
        points: (x, y) of foreground points in pixels of the upright image, for a promptable model.
        negatives: (x, y) of background points.
        box: x0, y0, x1, y1 around the region.

    Returns:
        One prediction for each image, in order; an image that can't be read has its `fault` instead.

    Raises:
        PupilaError: no bundle, a path that names nothing, another type, or a prompt that the model needs or does not
            take.
    """
    return load(model).predict(images, points=points, negatives=negatives, box=box)


@dataclass(frozen=True, slots=True)
class PredictionFiles:
    """What is written for each image."""

    table: str | None = None  # path of a CSV table
    folder: str | None = None  # of masks, overlays and a table
    polygons: bool = False  # outlines, too: COCO, or GeoJSON for a GeoTIFF
    palette: bool = (
        False  # whether mask files get a palette of the classes' colours; without one, they are grey
    )


@dataclass(frozen=True, slots=True, repr=False)
class WrittenPredictions(Displayed):
    """How many images were predicted, and the table that has them."""

    images: int
    failed: int
    table: str | None
    classes: dict[str, int] = field(
        default_factory=dict
    )  # images of each predicted class, the most frequent first
    skipped: str = ""  # sentences on the files of folders that are no images

    def summary(self) -> Summary:
        """Counts and the table."""
        failed = say_count("{n} error", "{n} errors", self.failed) if self.failed else ""
        parts = [
            say_images(self.images),
            count_classes(self.classes),
            failed,
            self.table or "",
            self.skipped,
        ]
        return Summary("WrittenPredictions", ", ".join(filter(None, parts)))


RowCallback = Callable[["PredictionRow", str], None]


@public
def predict_files(
    model: ModelInput,
    paths: Path | Sequence[Path],
    *,
    write: PredictionFiles,
    prompt: "Prompt | None" = None,
    on_row: RowCallback = lambda row, text: None,
    **bands: Unpack[BandOptions],
) -> WrittenPredictions:
    """Predict any number of files in constant memory into a table and, for masks, a folder.

    Args:
        model: a bundle or a run, or its folder.
        paths: image files, folders or patterns such as photos/*.jpg.
        write: what is written.
        prompt: for every image, with a promptable model.
        on_row: called with each row, and with the row as a line of text.
        bands: how the bands of TIFFs become colours, where the bundle leaves it open.

    Raises:
        PupilaError: no bundle, no images, or options that the bundle's task does not have.
    """
    from pupila.artifacts.predictions.catalogue import PREDICTION_COLUMNS
    from pupila.artifacts.predictions.rows import FailedRow
    from pupila.artifacts.run.source import parse_predicting
    from pupila.core.csv_text import csv_line
    from pupila.imaging.images.bands import BandSettings
    from pupila.stages.predict.inputs import SkippedFiles, count_images, find_images
    from pupila.stages.predict.rows import Output, check_bands, describe_row, to_csv
    from pupila.stages.predict.table import open_table
    from pupila.stages.predict.tasks import TASK_PREDICTORS
    from pupila.tasks.prompt import Prompt

    for flag in [name for name in ("polygons", "palette") if getattr(write, name)]:
        if not write.folder:
            raise PupilaError(say("{flag} needs --out FOLDER", flag=f"--{flag}"))
    listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    addresses, source = [path_text(path) for path in listed], parse_predicting(model)
    bundle = source.bundle
    predictor = TASK_PREDICTORS[bundle.info.task]
    _check_options(source, write, prompt, list(bands))
    settings = BandSettings.parse(dict(bands), "predict")
    check_bands(bundle.info.preprocessing.bands, settings)
    opened = predictor.open_bundle(bundle)
    output = Output(write.folder, write.polygons, write.palette, settings, prompt or Prompt())
    columns = PREDICTION_COLUMNS[bundle.info.task].written(bundle.info.classes)
    table = write.table or (write.folder and f"{write.folder}/predictions.csv")
    skipped = SkippedFiles()
    total, failed, classes = count_images(addresses, skipped), 0, Counter[str]()
    with progress(say("predicting"), total) as advance, open_table(table, csv_line(columns)) as write_line:
        for row in predictor.predict_rows(opened, find_images(addresses), output):
            if isinstance(row, FailedRow):
                failed += 1
            else:
                classes.update(predictor.class_names(row))
            write_line(to_csv(row, predictor, columns, table))
            on_row(row, describe_row(row, predictor))
            advance(1)
    return WrittenPredictions(total, failed, table, dict(classes.most_common()), skipped.describe())


def _check_options(
    source: "PredictingSource", write: PredictionFiles, prompt: "Prompt | None", bands: list[str]
) -> None:
    """Refuse options that only masks have, and a prompt that is missing or not taken."""

    words = {"bundle": source.path, "task": translate(source.task.title)}
    flags = "--out" if write.folder else ", ".join(f"--{name}" for name in bands)
    if flags and not source.task.predicts_masks:
        raise PupilaError(
            say("{names} needs a bundle that predicts masks; {bundle} was trained for {task}", names=flags, **words),
            remedy=say("--csv FILE for a table") if write.folder else say("omit {names}", names=flags),
        )  # fmt: skip
    check_prompt_given(source, prompt)


def check_prompt_given(source: "PredictingSource", prompt: "Prompt | None") -> None:
    """Refuse a prompt that is missing, incomplete, or not taken."""
    from pupila.tasks.prompt import Prompt, check_prompt_content

    if source.task.takes_prompts:
        check_prompt_content(prompt or Prompt())
    elif prompt is not None:
        given = {"--point": prompt.points, "--negative": prompt.negatives, "--box": prompt.box}
        names = ", ".join(name for name, value in given.items() if value)
        raise PupilaError(
            say(
                "{names} needs a promptable model; {bundle} was trained for {task}",
                names=names,
                bundle=source.path,
                task=translate(source.task.title),
            ),
            remedy=say("omit {names}", names=names),
        )
