"""A registry of models: numbered versions, aliases such as production, and the history of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pupila.api.inputs import ModelInput, Path, path_text
from pupila.core.display import Displayed, Summary
from pupila.core.extras import public
from pupila.core.messages import say, translate

if TYPE_CHECKING:
    from pupila.artifacts.registry.model import RegisteredModel
    from pupila.artifacts.registry.records import Event, ModelFile
    from pupila.artifacts.registry.registry import Registry
    from pupila.artifacts.registry.state import History
    from pupila.artifacts.registry.timeline import Live
    from pupila.artifacts.registry.verify import Verification


@dataclass(frozen=True, slots=True, repr=False)
class AddedVersion(Displayed):
    """A version of a model in a registry."""

    name: str
    number: int
    bundle: str  # hash
    new: bool  # False: the bundle was there already
    has_report: bool  # whether a report on the test split is there for a promotion

    def summary(self) -> Summary:
        """Name and number."""
        return Summary("AddedVersion", f"{self.name}@{self.number}", {"SHA-256": self.bundle})


class ModelRegistry(Displayed):
    """A registry of models.

    Args:
        registry: the folder or the store that holds it.
    """

    __slots__ = ("_registry",)

    def __init__(self, registry: "Registry") -> None:
        self._registry = registry

    @property
    def uri(self) -> str:
        """Folder or URI."""
        return self._registry.uri

    def summary(self) -> Summary:
        """Its models."""
        return self._registry.summary()

    def names(self) -> list[str]:
        """The names of all models."""
        return self._registry.names()

    def add(self, model: ModelInput, name: str) -> AddedVersion:
        """Copy a bundle into the registry as the next version of a model, verified before and after.

        An evaluation on the test split that lies beside the bundle is copied, too. The same bundle always has the same
        number: a copy that was interrupted is completed.

        Args:
            model: a bundle or a run, or its folder.
            name: of the model: letters, digits, "-", "_" and ".".

        Raises:
            PupilaError: no bundle, one that was modified, an invalid name, or one that differs from another one in case
                only.
        """
        from pupila.artifacts.run.source import parse_predicting
        from pupila.core import files

        bundle = parse_predicting(model).bundle
        version, new = self._registry.add(bundle, name)
        registered = self._registry.find(name)
        has_report = files.exists(registered.evaluation_file(version.number))
        return AddedVersion(registered.name, version.number, version.bundle, new, has_report)

    def promote(
        self, version: str, alias: str = "production", *, report: Path | None = None, force: bool = False,
        reason: str = "",
    ) -> "Event | None":  # fmt: skip
        """Let an alias name a version, by the evidence of an evaluation report on the test split.

        Args:
            version: such as `octagons@3`.
            alias: to move.
            report: `report.json` of `pupila.evaluate`, or its folder; None: what evaluating the version in this
                registry wrote. It compares the version with the one that the alias names now, on the same test split.
            force: promote in spite of objections, which are recorded with the reason.
            reason: recorded.

        Returns:
            The event; None where the alias names this version already, with this report.

        Raises:
            PupilaError: no report, a report on other images or without the comparison, a worse version, no reason for
                `force`, a modified bundle, or somebody else has moved the alias meanwhile.
        """
        from pupila.artifacts.registry.model import Promotion
        from pupila.artifacts.registry.names import parse_reference

        reference = parse_reference(version, self.uri)
        place = None if report is None else path_text(report)
        promotion = Promotion(reference.selector, alias, place, force, reason)
        return self._registry.find(reference.name).promote(promotion)

    def rollback(self, name: str, alias: str = "production", *, reason: str = "") -> "Event":
        """Let an alias name the version that it named before; it needs no report.

        Args:
            name: of the model.
            alias: to move.
            reason: recorded.

        Raises:
            PupilaError: there is no version before, it was modified, or somebody else has moved the alias meanwhile.
        """
        return self._registry.find(name).roll_back(alias, reason)

    def show(self, name: str) -> "ModelFile":
        """The versions and aliases of a model.

        Raises:
            PupilaError: no such model, or its file is damaged.
        """
        return self._find(name).state()

    def log(self, name: str) -> "History":
        """The events of a model, oldest first, and the numbers of damaged lines.

        Raises:
            PupilaError: no such model, or its file is damaged.
        """
        return self._find(name).history()

    def live(self, name: str, on: str) -> "list[Live]":
        """Which version each alias named on a day, or at a moment.

        Args:
            name: of the model.
            on: a day such as 2026-11-01, or a moment such as 2026-11-01T14:30, in UTC unless it has a zone.

        Raises:
            PupilaError: no such model, or no date.
        """
        from pupila.artifacts.registry.timeline import live_within, parse_day

        start, end = parse_day(on)
        return live_within(self._find(name).history().events, start, end)

    def verify(self, names: Sequence[str] = ()) -> "Verification":
        """Verify every bundle, report, alias and line of the history; what is damaged is named.

        Args:
            names: of models; none: all of them.

        Raises:
            PupilaError: no such model, or the store fails.
        """
        from pupila.artifacts.registry.verify import verify_registry

        return verify_registry(self._registry, list(names) or None)

    def _find(self, name: str) -> "RegisteredModel":
        return self._registry.find(name)


@public
def registry(uri: Path | None = None) -> ModelRegistry:
    """Open a registry of models; nothing is written before the first version is added.

    Every function that takes a bundle also takes a version by its name: `registry:octagons@3`,
    `registry:octagons@production` or `registry:octagons`, which is production; with the URI in it:
    `registry:s3://shop/models#octagons@3`.

    Args:
        uri: a folder, or a prefix such as s3://shop/models; None: `PUPILA_REGISTRY`, else the folder `registry`.

    Raises:
        PupilaError: no path.
    """
    from pupila.artifacts.registry.names import default_registry
    from pupila.artifacts.registry.registry import Registry

    return ModelRegistry(Registry(default_registry() if uri is None else path_text(uri).rstrip("/")))


def describe_event(event: "Event") -> str:
    """An event in one line: "5  2026-11-01 14:30:10 UTC  ana@lab  production: 1 -> 2, better"."""
    from pupila.artifacts.registry.records import ADD

    time = f"{event.time[:10]} {event.time[11:19]} UTC"
    if event.action == ADD:
        text = say("version {number} added", number=event.to_version)
    elif event.from_version is None:
        text = say("{alias}: version {number}", alias=event.alias, number=event.to_version)
    else:
        text = say("{alias}: version {before} -> {number}", alias=event.alias, before=event.from_version,
                   number=event.to_version)  # fmt: skip
    details = [
        say("rollback") if event.action == "rollback" else "",
        translate(event.verdict),
        say("forced although {objections}", objections="; ".join(event.forced)) if event.forced else "",
        say("reason: {reason}", reason=event.reason) if event.reason else "",
    ]
    return "  ".join([f"{event.number:4d}", time, event.who, ", ".join([text, *filter(None, details)])])
