"""`pupila settings [STAGE]`."""

from typing import TYPE_CHECKING, Annotated

import typer

from pupila.core.errors import PupilaError
from pupila.core.messages import say

if TYPE_CHECKING:
    from pupila.core.settings import Settings

HELP = say("Print every setting of a stage with its meaning and unit.")


def _stages() -> "dict[str, type[Settings]]":
    from pupila.artifacts.dataset.reading import ReadSettings
    from pupila.imaging.images.bands import BandSettings
    from pupila.stages.collect.site import Site
    from pupila.stages.label.labellers.catalogue import KINDS
    from pupila.stages.label.review.audit import AuditSettings
    from pupila.stages.serve.settings import ServeSettings
    from pupila.stages.split.settings import SplitSettings
    from pupila.stages.train.settings import TrainSettings

    return {
        "collect": Site, "read": ReadSettings, "split": SplitSettings, "train": TrainSettings, "predict": BandSettings,
        "serve": ServeSettings, "label-audit": AuditSettings,
        **{f"label-{name}": kind.settings for name, kind in KINDS.items()},
    }  # fmt: skip


def settings(stage: Annotated[str | None, typer.Argument(metavar="[STAGE]")] = None) -> None:
    """Describe the settings of one stage, or of all."""
    from pupila.core.settings import unknown

    stages = _stages()
    if stage is not None and stage not in stages:
        raise PupilaError(say("No settings of that name"), found=f"{stage}: {unknown(stage, list(stages))}")
    for name in [stage] if stage else stages:
        print(f"{name}:")
        for field, default, meaning in stages[name].describe():
            print(f"  {field:14} {default:12} {meaning}")
