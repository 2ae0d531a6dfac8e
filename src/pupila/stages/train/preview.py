"""Preview the augmentation before training: original images beside their first augmented views."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.images.decode import Array
from pupila.imaging.images.preprocess import Preprocessing, fit_image
from pupila.imaging.masks.codec import resize_mask
from pupila.imaging.masks.drawing import overlay
from pupila.learning.augment import augment, augment_both, contact_sheet, draw_number
from pupila.learning.loader.segment import MaskedViews
from pupila.stages.train.catalogue import find_recipe
from pupila.stages.train.plan import check_preset
from pupila.stages.train.settings import TrainSettings

SHOWN, VIEWS = 6, 6  # images, and views of each
SIDE = 160  # pixels, unless the settings say otherwise


def draw_preview(data: Dataset, rows: list[int], settings: TrainSettings) -> bytes:
    """A PNG with one row per image.

    Args:
        data: the data set.
        rows: of the training split; the test split stays sealed.
        settings: preset, image size and seed.

    Raises:
        PupilaError: an unknown preset.
    """
    check_preset(settings.augment)
    rows = rows[:: max(1, len(rows) // SHOWN)][:SHOWN]
    return contact_sheet([_draw_views(data, row, settings) for row in rows])


def _draw_views(data: Dataset, row: int, settings: TrainSettings) -> list[Array]:
    """The original image and its first augmented views, with masks as overlay."""
    assert data.task is not None  # previews are of a training
    preset = (
        find_recipe(data.task.name, settings.model).augment
        if settings.augment == "auto"
        else settings.augment
    )
    side = SIDE if settings.image_size == "auto" else settings.image_size
    picture, key = (
        fit_image(data.pixels(row), Preprocessing(height=side, width=side)),
        data.images["sha256"][row],
    )
    if data.label_map is None:
        return [
            picture,
            *(augment(picture, preset, draw_number(settings.seed, key, view)) for view in range(VIEWS)),
        ]
    classes, mask = len(data.classes), resize_mask(data.mask(row), side, side)
    pairs = [(picture, mask)]
    if settings.view == "tile":
        views = MaskedViews(
            data, Preprocessing(view="tile", height=side, width=side), [row], preset, settings.seed
        )
        pairs += [views.draw_view(row, view) for view in range(VIEWS)]
    else:
        draws = [draw_number(settings.seed, key, view) for view in range(VIEWS)]
        pairs += [augment_both(picture, mask, preset, draw) for draw in draws]
    return [overlay(view, view_mask, classes) for view, view_mask in pairs]
