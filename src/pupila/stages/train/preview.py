"""Preview the augmentation before training: original images beside their first augmented views."""

from collections.abc import Callable
from typing import Any

from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing, fit_image
from pupila.imaging.masks.codec import resize_mask
from pupila.imaging.masks.drawing import overlay
from pupila.learning.augment import augment, augment_both, draw_number, encode_grid
from pupila.learning.loader.segment import MaskedViews
from pupila.stages.train.catalogue import find_recipe
from pupila.stages.train.config import TrainConfig
from pupila.stages.train.plan import PLANNERS, check_preset
from pupila.stages.train.settings import TrainSettings
from pupila.stages.train.task_settings.segment import SegmentTrainSettings

SHOWN, VIEWS = 6, 6  # images, and views of each
SIDE = 160  # pixels, unless the settings say otherwise


def draw_preview(data: Dataset, rows: list[int], config: TrainConfig) -> bytes:
    """A PNG with one row per image.

    Args:
        data: the data set.
        rows: of the training split; the test split stays sealed.
        config: preset, image size and seed.

    Raises:
        PupilaError: an unknown preset, or a setting of another task.
    """
    check_preset(config.augment)
    assert data.task is not None  # previews are of a training
    task = find_recipe(data.task.name, config.model).task.name
    preset = PLANNERS[task].augment if config.augment == "auto" else config.augment
    settings, draw = config.for_task(task), PREVIEWS[task]
    rows = rows[:: max(1, len(rows) // SHOWN)][:SHOWN]
    return encode_grid([draw(data, row, settings, preset) for row in rows])


def _draw_images(data: Dataset, row: int, settings: TrainSettings, preset: str) -> list[Array]:
    """The original image and its first augmented views."""
    picture = _fit_original(data, row, settings)
    return [picture, *(augment(picture, preset, draw) for draw in _draw_numbers(data, row, settings))]


def _draw_masks(data: Dataset, row: int, settings: TrainSettings, preset: str) -> list[Array]:
    """The original image and its first augmented views, with masks as overlay."""
    picture = _fit_original(data, row, settings)
    mask = resize_mask(data.mask(row), *picture.shape[:2])
    draws = _draw_numbers(data, row, settings)
    return _overlay(data, [(picture, mask), *(augment_both(picture, mask, preset, draw) for draw in draws)])


def _draw_tiles(data: Dataset, row: int, settings: SegmentTrainSettings, preset: str) -> list[Array]:
    """The original image and its first augmented tiles, or whole views, with masks as overlay."""
    if settings.view != "tile":
        return _draw_masks(data, row, settings, preset)
    picture = _fit_original(data, row, settings)
    side = len(picture)
    views = MaskedViews(
        data, Preprocessing(view="tile", height=side, width=side), [row], preset, settings.seed
    )
    mask = resize_mask(data.mask(row), side, side)
    return _overlay(data, [(picture, mask), *(views.draw_view(row, view) for view in range(VIEWS))])


PREVIEWS: dict[str, Callable[[Dataset, int, Any, str], list[Array]]] = {
    "classify": _draw_images,
    "multilabel": _draw_images,
    "segment": _draw_tiles,
    "prompt": _draw_masks,
}


def _fit_original(data: Dataset, row: int, settings: TrainSettings) -> Array:
    side = SIDE if settings.image_size == "auto" else settings.image_size
    return fit_image(data.pixels(row), Preprocessing(height=side, width=side))


def _draw_numbers(data: Dataset, row: int, settings: TrainSettings) -> list[int]:
    key = data.images["sha256"][row]
    return [draw_number(settings.seed, key, view) for view in range(VIEWS)]


def _overlay(data: Dataset, pairs: list[tuple[Array, Array]]) -> list[Array]:
    return [overlay(view, mask, len(data.classes)) for view, mask in pairs]
