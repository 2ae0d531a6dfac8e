"""How a sweep is run: what varies, on how many processes, and for how long."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.core.settings import Settings
from pupila.experiments.learning_curve.options import describe_shares


class SweepSettings(Settings):
    """The settings of a sweep beside those of train, which its cells share."""

    groups: ClassVar[dict[str, tuple[str, ...]]] = {
        "common": (
            "grid",
            "range",
            "when",
            "search",
            "trials",
            "halving",
            "learning_curve",
            "shares",
            "repeats",
            "replay",
            "test_images",
            "positives",
            "chosen",
            "jobs",
            "total_budget",
            "retries",
        ),
    }

    grid: dict[str, list[Any]] = Field(
        default_factory=dict,
        description="values of a setting that varies, such as model=resnet18,resnet50; may be repeated: all "
        "combinations are trained; seed and folds may vary, too",
    )
    range: dict[str, Any] = Field(
        default_factory=dict,
        description="ends of a setting that a search varies, such as lr=0.0001..0.1:log or batch_size=8..64:step=8; "
        "may be repeated",
    )
    when: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="condition under which a setting varies, such as lr:optimizer=sgd; may be repeated",
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="what varies, as a file of --config says it: values, or min and max with log or step, and when",
    )
    search: Literal["tpe", "random"] | None = Field(
        default=None,
        description="sampler that suggests configurations; tpe learns from the scores; null: every combination",
    )
    trials: PositiveInt = Field(default=40, description="configurations that a search suggests")
    search_seed: NonNegativeInt = Field(default=0, description="seed of the sampler")
    halving: int | None = Field(
        default=None,
        ge=2,
        le=100,
        description="successive halving: all configurations train with few epochs, and the best 1/N continue with N "
        "times as many; null: all train with all epochs",
    )
    min_epochs: PositiveInt = Field(default=1, description="least epochs of a successive halving")
    learning_curve: bool = Field(
        default=False,
        description="train on growing shares of the training images, and predict what twice the images would bring",
    )
    shares: list[float] = Field(
        default=[0.1, 0.2, 0.4, 0.7, 1.0], description="shares of the training images in a learning curve"
    )
    repeats: PositiveInt = Field(
        default=3,
        description="trainings of each share in a learning curve, each with its own images and seed",
    )
    replay: bool = Field(
        default=False, description="read a CSV table of results instead of training: DATA is the table"
    )
    test_images: PositiveInt | None = Field(
        default=None, description="images of the test set of a replayed table"
    )
    positives: PositiveInt | None = Field(
        default=None,
        description="test images of the class that a replayed table's precision, recall and F1 are of",
    )
    chosen: float | None = Field(
        default=None, description="score of the run that was chosen from a replayed table"
    )
    jobs: PositiveInt = Field(default=1, description="processes that train cells side by side")
    total_budget: str | None = Field(
        default=None, description="time such as 90s, 15m or 2h, after which no further cell is begun"
    )
    retries: NonNegativeInt = Field(default=1, description="how often a failed cell is run again")


def describe_search(settings: SweepSettings) -> dict[str, Any]:
    """What decides the rows of a search or a halving, as `sweep.json` stores it; empty for a plain grid.

    The number of trials is no part of it without halving: a search may be resumed with more of them.

    Raises:
        PupilaError: settings of a search, or of a halving, without one.
    """
    if settings.replay:
        raise PupilaError(
            say("A table of results is not trained"), actual="replay=True",
            expected=say("pupila sweep RESULTS.csv --replay, or pupila.replay_table in Python"),
        )  # fmt: skip
    given = [name for name in ("test_images", "positives", "chosen") if name in settings.model_fields_set]
    _refuse_unused(given, True, "--replay")
    unused = [name for name in ("trials", "search_seed") if name in settings.model_fields_set]
    _refuse_unused(unused, settings.search is None, "--search tpe")
    _refuse_unused(
        ["min_epochs"] if "min_epochs" in settings.model_fields_set else [],
        settings.halving is None,
        "--halving 3",
    )
    if shares := describe_shares(settings):
        return {"learning_curve": shares}
    search: dict[str, Any] = {}
    if settings.search is not None:
        search |= {"sampler": settings.search, "seed": settings.search_seed}
    if settings.halving is not None:
        search |= {"halving": settings.halving, "min_epochs": settings.min_epochs}
        search |= {"trials": settings.trials} if settings.search is not None else {}
    return search


def _refuse_unused(names: Sequence[str], has_no_effect: bool, need: str) -> None:
    if names and has_no_effect:
        flags = ", ".join("--" + name.replace("_", "-") for name in names)
        raise PupilaError(
            say("{setting} has no effect: it needs {need}", setting=flags, need=need),
            remedy=say("omit {flag}", flag=flags),
        )
