"""A model in a registry: add versions, promote one of them to an alias, and roll back."""

from dataclasses import dataclass

from pupila.artifacts.bundle.folder import Bundle, check_pin, read_bundle
from pupila.artifacts.registry.copying import copy_bundle
from pupila.artifacts.registry.evidence import (
    Evidence,
    Objection,
    find_objections,
    find_remedy,
    read_evidence,
)
from pupila.artifacts.registry.names import check_alias, check_collision, write_command
from pupila.artifacts.registry.records import (
    ADD,
    PROMOTE,
    ROLLBACK,
    Alias,
    Event,
    ModelFile,
    Placement,
    Version,
)
from pupila.artifacts.registry.state import (
    VERSIONS,
    History,
    begin_state,
    change_state,
    current_time,
    next_event,
    read_history,
    read_state,
    user_name,
)
from pupila.artifacts.registry.timeline import promote_alias, roll_back_alias
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say

EVALUATIONS, REPORTS = "evaluations", "reports"  # folders
_TEST_REPORT = "evaluation-test/report.json"  # as `pupila evaluate` names it


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a user asks for."""

    selector: str  # number or alias of the version
    alias: str
    report: str | None = None  # file or folder; None: the one in the registry
    force: bool = False  # in spite of objections
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model of a registry."""

    folder: str  # path or URI
    name: str

    @property
    def registry(self) -> str:
        """The folder or URI of its registry."""
        return files.parent(self.folder)

    def state(self) -> ModelFile:
        """Its versions and aliases now.

        Raises:
            PupilaError: `model.json` is damaged or lost.
        """
        return read_state(self.folder) or begin_state(self.folder, self.name)

    def history(self) -> History:
        """All events, oldest first, and the damaged lines of the file."""
        return read_history(self.folder, read_state(self.folder))

    def version(self, selector: str) -> Version:
        """The version with a number, or the one that an alias names now.

        Raises:
            PupilaError: there is none.
        """
        state = self.state()
        versions = {version.number: version for version in state.versions if version.complete}
        number = int(selector) if selector.isdecimal() else None
        if number is None and selector in state.aliases:
            number = state.aliases[selector].live.version
        if number in versions:
            return versions[number]
        known = [*state.aliases, *map(str, versions)]
        raise PupilaError(
            say("{name} has no version {selector}", name=self.name, selector=f"'{selector}'"),
            actual=listing(known, 10) if known else say("no versions"),
            expected=say("the number of a version, or an alias"),
            remedy=write_command(self.registry, "promote", f"{self.name}@{max(versions, default=1)}", selector)
            if number is None else write_command(self.registry, "show", self.name),
        )  # fmt: skip

    def bundle(self, version: Version) -> Bundle:
        """The bundle of a version, read and verified.

        Raises:
            PupilaError: it was modified.
        """
        bundle = read_bundle(self.version_folder(version.number))
        check_pin(bundle, version.bundle)
        return bundle

    def version_folder(self, number: int) -> str:
        """Where the bundle of a version is."""
        return files.join(files.join(self.folder, VERSIONS), str(number))

    def evaluation_file(self, number: int) -> str:
        """The report that `pupila evaluate registry:NAME@NUMBER DATA` writes."""
        return files.join(files.join(files.join(self.folder, EVALUATIONS), str(number)), _TEST_REPORT)

    def report_file(self, digest: str) -> str:
        """The report of a promotion, by its SHA-256."""
        return files.join(files.join(self.folder, REPORTS), f"{digest}.json")

    def add(self, bundle: Bundle) -> tuple[Version, bool]:
        """Copy a bundle as the next version; see `Registry.add`.

        The number is reserved for this bundle before the first file is copied: a copy that was killed is completed when
        the same bundle is added again, and no other bundle gets its number.
        """
        state = change_state(self.folder, self.name, lambda before: self._reserve(before, bundle))
        version = next(version for version in state.versions if version.bundle == bundle.hash)
        if version.complete:
            self.bundle(version)  # what is there is what was added
            return version, False
        copy_bundle(bundle, self.version_folder(version.number))
        self._take_report(bundle, version.number)
        completed = version.model_copy(update={"complete": True})
        change_state(self.folder, self.name, lambda before: _complete(before, completed))
        return completed, True

    def _reserve(self, state: ModelFile, bundle: Bundle) -> ModelFile:
        """The state with a number for the bundle: never one that a folder has, which an older state does not know."""
        if any(version.bundle == bundle.hash for version in state.versions):
            return state
        place = files.join(self.folder, VERSIONS)
        folders = files.list_folders(place) if files.exists(place) else []
        taken = [version.number for version in state.versions] + [
            int(name) for name in folders if name.isdecimal()
        ]
        version = Version(number=max(taken, default=0) + 1, bundle=bundle.hash, task=bundle.info.task,
                          classes=bundle.info.classes, added=current_time(), who=user_name())  # fmt: skip
        return state.model_copy(update={"versions": [*state.versions, version]})

    def _take_report(self, bundle: Bundle, number: int) -> None:
        """Copy the report on the test split that stands beside the bundle, if it is one on this bundle."""
        beside = files.join(files.parent(bundle.folder), _TEST_REPORT)
        if not files.exists(beside) or files.exists(self.evaluation_file(number)):
            return
        try:
            evidence = read_evidence(beside)
        except PupilaError:  # a promotion will ask for one
            return
        if evidence.bundle == bundle.hash:
            files.write_bytes(self.evaluation_file(number), evidence.content)

    def promote(self, promotion: Promotion) -> Event | None:
        """Let an alias name a version, by the evidence of an evaluation report.

        Returns:
            The event; None where the alias names this version already, with this report.

        Raises:
            PupilaError: objections without `force`, no reason for it, a modified bundle, no such version, or another
                one has moved the alias meanwhile.
        """
        alias = check_alias(promotion.alias)
        version = self.version(promotion.selector)
        self.bundle(version)
        state = self.state()
        check_collision(alias, state.aliases)
        live = state.aliases[alias].live if alias in state.aliases else None
        evidence = self._find_evidence(promotion, version)
        incumbent = None if live is None else _find_version(state, live.version)
        objections = find_objections(version, evidence, live, incumbent)
        self._check_forced(promotion, version, live, objections)
        digest = None if evidence is None else evidence.digest
        if live is not None and (live.version, live.report) == (version.number, digest):
            return None
        if evidence is not None:
            files.write_bytes(self.report_file(evidence.digest), evidence.content)
        verdict = "" if evidence is None or incumbent is None else evidence.find_verdict(incumbent.bundle)
        return self._move(alias, live, {
            "action": PROMOTE, "to": version.number, "bundle": version.bundle, "report": digest,
            "verdict": verdict, "forced": [objection.text for objection in objections], "reason": promotion.reason,
        }, evidence)  # fmt: skip

    def roll_back(self, alias: str, reason: str = "") -> Event:
        """Let an alias name the version that it named before; it needs no report.

        Raises:
            PupilaError: there is no version before, it was modified, or another one has moved the alias meanwhile.
        """
        alias, state = check_alias(alias), self.state()
        place = state.aliases.get(alias)
        if place is None or not place.earlier:
            raise PupilaError(
                say("Nothing to roll back {name} to", name=f"{self.name}@{alias}"),
                actual=say("no earlier version under this alias") if place else say("no such alias"),
                remedy=write_command(self.registry, "log", self.name),
            )  # fmt: skip
        before = place.earlier[-1]
        version = _find_version(state, before.version)
        self.bundle(version)
        return self._move(alias, place.live, {
            "action": ROLLBACK, "to": version.number, "bundle": version.bundle, "report": before.report,
            "reason": reason,
        })  # fmt: skip

    def _find_evidence(self, promotion: Promotion, version: Version) -> Evidence | None:
        if promotion.report is not None:
            return read_evidence(promotion.report)
        uri = self.evaluation_file(version.number)
        return read_evidence(uri) if files.exists(uri) else None

    def _check_forced(
        self, promotion: Promotion, version: Version, live: Placement | None, objections: list[Objection]
    ) -> None:
        """Refuse a promotion with objections, unless it is forced with a reason.

        Raises:
            PupilaError: what to run.
        """
        if promotion.force and not promotion.reason.strip():
            raise PupilaError(
                say("--force needs a reason, which is recorded"), remedy=say("--force --reason 'why'")
            )
        if objections and not promotion.force:
            texts = [objection.text for objection in objections]
            raise PupilaError(
                say("{name}@{number} was not promoted to {alias}, because {objections}", name=self.name,
                    number=version.number, alias=promotion.alias, objections=listing(texts, len(texts))),
                expected=say("an evaluation report on the test split that does not find it worse"),
                remedy=find_remedy(self.registry, self.name, promotion.alias, version.number, live, objections),
            )  # fmt: skip

    def _move(
        self, alias: str, live: Placement | None, values: dict[str, object], evidence: Evidence | None = None
    ) -> Event:
        """Move an alias, if it still names what it named when the move was checked.

        Raises:
            PupilaError: it does not.
        """
        written: list[Event] = []

        def change(state: ModelFile) -> ModelFile:
            if written and state.last is not None and state.last.id == written[-1].id:
                return state  # it was written, though the store's response got lost
            place = state.aliases.get(alias)
            if (None if place is None else place.live) != live:
                raise _moved_meanwhile(self, alias, live, place)
            check_collision(alias, state.aliases)
            before = None if live is None else live.version
            event = next_event(state, alias=alias, **{"from": before}, **values)
            written.append(event)
            return state.model_copy(update={
                "aliases": state.aliases | {alias: _place(place, event, evidence)}, "last": event,
            })  # fmt: skip

        change_state(self.folder, self.name, change)
        return written[-1]


def _place(alias: Alias | None, event: Event, evidence: Evidence | None) -> Alias:
    if event.action == ROLLBACK and alias is not None:
        return roll_back_alias(alias, event)
    placement = Placement(version=event.to_version, event=event.number, since=event.time, report=event.report)
    if evidence is not None:
        hashes = {"data_hash": evidence.report.data_hash, "splits_hash": evidence.report.splits_hash}
        placement = placement.model_copy(update=hashes)
    return promote_alias(alias, placement)


def _complete(state: ModelFile, completed: Version) -> ModelFile:
    """The state once all files of the version are copied."""
    if _find_version(state, completed.number).complete:  # another process was faster
        return state
    event = next_event(state, action=ADD, to=completed.number, bundle=completed.bundle)
    versions = [completed if version.number == completed.number else version for version in state.versions]
    return state.model_copy(update={"versions": versions, "last": event})


def _find_version(state: ModelFile, number: int) -> Version:
    """The version with this number.

    Raises:
        PupilaError: there is none.
    """
    for version in state.versions:
        if version.number == number:
            return version
    raise PupilaError(
        say("{name} has no version {selector}", name=state.name, selector=number),
        remedy="pupila registry verify",
    )


def _moved_meanwhile(
    model: RegisteredModel, alias: str, live: Placement | None, place: Alias | None
) -> PupilaError:
    return PupilaError(
        say("{alias} of {name} was moved by somebody else meanwhile", alias=alias, name=model.name),
        actual=say("no version") if place is None else say("version {number}", number=place.live.version),
        expected=say("no version") if live is None else say("version {number}", number=live.version),
        remedy=write_command(model.registry, "log", model.name),
    )  # fmt: skip
