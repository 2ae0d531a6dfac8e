"""Label images, review labels, and exchange them with Label Studio."""

from typing import TYPE_CHECKING, Unpack

from pupila.api.data import open_with
from pupila.api.inputs import Data
from pupila.api.options import LabelOptions
from pupila.core.extras import public

if TYPE_CHECKING:
    from pupila.stages.label.run import LabellingJob, LabellingResult


@public
def label(
    data: Data,
    *,
    with_: str,
    limit: int | None = None,
    everything: bool = False,
    **settings: Unpack[LabelOptions],
) -> "LabellingResult":
    """Label images, and append the labels to the history.

    Args:
        data: whatever `pupila.open` takes.
        with_: vlm:MODEL, roboflow:PROJECT/VERSION, bundle:FOLDER or csv:FILE.
        limit: most images to label.
        everything: also let a model label what an annotator or the data labelled; their labels stay in force.
        settings: of the labeller.

    Raises:
        PupilaError: the labeller can't label these data, or it fails; labels up to then are in the history.
    """
    return plan_labelling(data, with_=with_, limit=limit, everything=everything, **settings).run()


@public
def plan_labelling(
    data: Data,
    *,
    with_: str,
    limit: int | None = None,
    everything: bool = False,
    **settings: Unpack[LabelOptions],
) -> "LabellingJob":
    """The plan of `label` without running it: the labeller, the images and the cost."""
    from pupila.stages.label.choose import select_images
    from pupila.stages.label.labellers.catalogue import create_labeller
    from pupila.stages.label.run import LabellingJob

    opened = open_with(data, {})
    labeller = create_labeller(with_, dict(settings), opened)
    return LabellingJob(opened, labeller, select_images(opened, labeller, everything, limit))
