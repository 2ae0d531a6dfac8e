"""A look at the augmentation before training: pictures as they are, and in their first views."""

from pupila.augment import PRESETS, contact_sheet
from pupila.dataset.manifest import Dataset
from pupila.errors import PupilaError
from pupila.images.prepare import Preparation
from pupila.loader.pictures import Pictures
from pupila.messages import say
from pupila.settings import unknown
from pupila.train.settings import TrainSettings

SHOWN = 6  # pictures
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
    side = SIDE if wish.side == "auto" else wish.side
    rows = rows[:: max(1, len(rows) // SHOWN)][:SHOWN]
    pictures = Pictures(data, Preparation(height=side, width=side), rows)
    return contact_sheet(pictures(rows), [pictures.keys[row] for row in rows], wish.augment, wish.seed)


def check_preset(name: str) -> None:
    """Refuse a name that is no preset.

    Raises:
        PupilaError: with the one that was meant.
    """
    if name not in PRESETS:
        raise PupilaError(
            say("No such augmentation"), found=f"{name}: {unknown(name, list(PRESETS))}", wanted=say("a preset"),
            remedy="pupila train DATA --preview FILE.png",
        )  # fmt: skip
