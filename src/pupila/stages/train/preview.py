"""A look at the augmentation before training: pictures as they are, and in their first views."""

from pupila.artifacts.dataset.manifest import Dataset
from pupila.imaging.images.decode import Array
from pupila.imaging.images.prepare import Preparation, place
from pupila.imaging.masks.codec import resized
from pupila.imaging.masks.drawing import overlay
from pupila.learning.augment import augment, augment_both, contact_sheet, draw_number
from pupila.learning.loader.segment import MaskedViews
from pupila.stages.train.plan import check_preset
from pupila.stages.train.recipes import kind_of
from pupila.stages.train.settings import TrainSettings

SHOWN, VIEWS = 6, 6  # pictures, and views of each
SIDE = 160  # pixels, unless the settings say otherwise


def preview_sheet(data: Dataset, rows: list[int], wish: TrainSettings) -> bytes:
    """A PNG of some pictures, a row each.

    Args:
        data: the data set.
        rows: of the training split; the test split stays sealed.
        wish: preset, side and seed.

    Raises:
        PupilaError: no such preset.
    """
    check_preset(wish.augment)
    rows = rows[:: max(1, len(rows) // SHOWN)][:SHOWN]
    return contact_sheet([_seen(data, row, wish) for row in rows])


def _seen(data: Dataset, row: int, wish: TrainSettings) -> list[Array]:
    """The picture as it is and in its first views, masks laid over it."""
    assert data.task is not None  # previews are of a training
    preset = kind_of(data.task.name, wish.model).augment if wish.augment == "auto" else wish.augment
    side = SIDE if wish.side == "auto" else wish.side
    picture, key = place(data.pixels(row), Preparation(height=side, width=side)), data.images["sha256"][row]
    if data.legend is None:
        return [
            picture,
            *(augment(picture, preset, draw_number(wish.seed, key, view)) for view in range(VIEWS)),
        ]
    classes, mask = len(data.classes), resized(data.mask(row), side, side)
    pairs = [(picture, mask)]
    if wish.view == "tile":
        views = MaskedViews(data, Preparation(view="tile", height=side, width=side), [row], preset, wish.seed)
        pairs += [views.seen(row, view) for view in range(VIEWS)]
    else:
        draws = [draw_number(wish.seed, key, view) for view in range(VIEWS)]
        pairs += [augment_both(picture, mask, preset, draw) for draw in draws]
    return [overlay(one, own, classes) for one, own in pairs]
