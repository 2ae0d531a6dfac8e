"""The settings of a learning curve, checked: which shares are trained, how often, and with what else."""

from collections.abc import Sequence
from typing import Any, Protocol

from pupila.artifacts.sweep.definition import Share
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.experiments.configurations import Entry
from pupila.statistics.power_law import LEAST_POINTS, LEAST_SIZES


class CurveSettings(Protocol):
    """What a learning curve reads of the settings of a sweep."""

    @property
    def learning_curve(self) -> bool:
        """Whether one is trained."""

    @property
    def shares(self) -> Sequence[float]:
        """Of the training images."""

    @property
    def repeats(self) -> int:
        """Trainings of each share."""

    @property
    def model_fields_set(self) -> set[str]:
        """What the user set."""


_OF_OTHERS = ("grid", "range", "when", "parameters", "search", "halving")  # ways to vary settings


def describe_shares(settings: CurveSettings) -> dict[str, Any]:
    """Shares and repeats, as `sweep.json` stores them; empty where no learning curve is trained.

    Raises:
        PupilaError: they have no effect, conflict, or are too few for a curve.
    """
    given = settings.model_fields_set
    if not settings.learning_curve:
        flags = [f"--{name}" for name in ("shares", "repeats") if name in given]
        if flags:
            raise PupilaError(
                say("{setting} has no effect: it needs {need}", setting=listing(flags), need="--learning-curve"),
                remedy=say("omit {flag}", flag=listing(flags)),
            )  # fmt: skip
        return {}
    if others := [f"--{name}" for name in _OF_OTHERS if name in given]:
        raise PupilaError(
            say("Conflicting settings"), actual=listing(["--learning-curve", *others]),
            expected=say("a learning curve, which trains one configuration, or a sweep over several"),
        )  # fmt: skip
    shares = sorted(set(settings.shares))
    if wrong := [share for share in shares if not 0 < share <= 1]:
        raise PupilaError(
            say("Invalid shares"), actual=listing([f"{share:g}" for share in wrong]),
            expected=say("shares of the training images, above 0 and at most 1"), remedy="--shares 0.1,0.2,0.4,0.7,1",
        )  # fmt: skip
    if len(shares) < LEAST_SIZES or len(shares) * settings.repeats < LEAST_POINTS:
        raise PupilaError(
            say("Too few trainings for a learning curve"),
            actual=say("{shares} shares, {repeats} repeats", shares=len(shares), repeats=settings.repeats),
            expected=say("at least {shares} shares and {trainings} trainings", shares=LEAST_SIZES,
                         trainings=LEAST_POINTS),
            remedy="--shares 0.1,0.2,0.4,0.7,1 --repeats 3",
        )  # fmt: skip
    return {"shares": shares, "repeats": settings.repeats}


def list_entries(settings: CurveSettings, seed: int) -> list[Entry]:
    """The trainings, the smallest first; each repeat has its own draw of images and its own seed."""
    return [
        Entry({"seed": seed + repeat}, share=Share(share=share, repeat=repeat))
        for share in sorted(set(settings.shares))
        for repeat in range(settings.repeats)
    ]
