"""Label images."""

from typing import TYPE_CHECKING, Any

from pupila.artifacts.dataset.open import open as open_data

if TYPE_CHECKING:
    from pupila.stages.label.run import Labelled, Labelling
from pupila.api.data import Data


def label(
    data: Data, *, with_: str, limit: int | None = None, everything: bool = False, **wish: Any
) -> "Labelled":
    """Label images, and append what was said to the history.

    Args:
        data: whatever `pupila.open` takes.
        with_: vlm:MODEL, roboflow:PROJECT/VERSION, bundle:FOLDER or csv:FILE.
        limit: most pictures to ask for.
        everything: also ask a machine for what a person or the data labelled; their labels stay in force.
        wish: fields of the labeller's settings.

    Raises:
        PupilaError: the labeller can't label these data, or nothing more can be had from it; what it said before is
            in the history.
    """
    return labelling(data, with_=with_, limit=limit, everything=everything, **wish).run()


def labelling(
    data: Data, *, with_: str, limit: int | None = None, everything: bool = False, **wish: Any
) -> "Labelling":
    """What `label` would do, before it does: whom it asks for which images, and what that takes."""
    from pupila.stages.label.choose import choose
    from pupila.stages.label.labellers.catalogue import labeller_of
    from pupila.stages.label.run import Labelling

    opened = open_data(data)
    labeller = labeller_of(with_, wish, opened)
    return Labelling(opened, labeller, choose(opened, labeller, everything, limit))
