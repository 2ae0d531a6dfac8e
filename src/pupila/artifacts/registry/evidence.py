"""The evidence for a promotion: an evaluation report on the test split, and the objections to it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pupila.artifacts.registry.names import write_command, write_name
from pupila.artifacts.registry.records import Placement, Version
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import say, say_images
from pupila.core.vocabulary import TEST

REPORT_FILE = "report.json"
_WORSE = "worse"  # verdict of the report: the first model against the other one
_SHOWN = 12  # digits of a hash in a sentence


class _Extract(BaseModel):
    """Fields of `report.json`; it has many others."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Model(_Extract):
    version: str  # hash of the bundle
    seen_in_training: int


class _Comparison(_Extract):
    version: str  # hash of the other model's bundle
    verdict: str


class _Report(_Extract):
    schema_version: Literal[3] = Field(alias="schema")
    data_hash: str
    splits_hash: str
    leaking: bool
    split: str
    models: list[_Model] = Field(min_length=1)
    comparisons: list[_Comparison]


@dataclass(frozen=True, slots=True)
class Evidence:
    """An evaluation report."""

    content: bytes  # of report.json
    report: _Report

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return files.sha256(self.content)

    @property
    def bundle(self) -> str:
        """Hash of the bundle that it evaluates."""
        return self.report.models[0].version

    def find_verdict(self, bundle: str) -> str:
        """The verdict of the comparison with another bundle: better, worse, ...; empty where there is none."""
        return next((other.verdict for other in self.report.comparisons if other.version == bundle), "")


def read_evidence(uri: str) -> Evidence:
    """The report in a file, or in a folder that `pupila evaluate` wrote.

    Raises:
        PupilaError: no report, or one of another schema.
    """
    place = uri if uri.endswith(".json") else files.join(uri, REPORT_FILE)
    try:
        content = files.read_bytes(place)
        return Evidence(content, _Report.model_validate_json(content))
    except OSError as fault:
        actual = fault.strerror or str(fault) or say("no such file")
    except ValidationError as fault:
        first = fault.errors()[0]
        actual = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    raise PupilaError(
        say("Can't read {path}", path=place), actual=actual, expected=say("report.json of pupila evaluate"),
        remedy="pupila evaluate BUNDLE DATA",
    )  # fmt: skip


class Objection(NamedTuple):
    """An objection to a promotion, and its cause."""

    text: str
    cause: Literal["report", "split", "worse"] = "report"


def find_objections(
    version: Version, evidence: Evidence | None, live: Placement | None, incumbent: Version | None
) -> list[Objection]:
    """The objections to a promotion; empty where there are none.

    Args:
        version: to be promoted.
        evidence: its report.
        live: what the alias names now.
        incumbent: the version of `live`.
    """
    if evidence is None:
        return [Objection(say("there is no evaluation report"))]
    report, objections = evidence.report, []
    if evidence.bundle != version.bundle:
        text = say("the report evaluates another bundle ({hash})", hash=evidence.bundle[:_SHOWN])
        return [Objection(text)]
    if report.split != TEST:
        text = say("the report is on the split {split}, not on test", split=report.split)
        objections.append(Objection(text))
    if report.leaking:
        objections.append(Objection(say("the split of the report leaks")))
    if used := report.models[0].seen_in_training:
        text = say("{images} of the report were used in training", images=say_images(used))
        objections.append(Objection(text))
    if live is None or incumbent is None or incumbent.number == version.number:
        return objections
    if live.splits_hash and (live.splits_hash, live.data_hash) != (report.splits_hash, report.data_hash):
        text = say("the report is on another test split ({ours}) than that of version {number} ({theirs})",
                   ours=_name_split(report.splits_hash, report.data_hash), number=live.version,
                   theirs=_name_split(live.splits_hash, live.data_hash))  # fmt: skip
        objections.append(Objection(text, "split"))
    verdict = evidence.find_verdict(incumbent.bundle)
    if not verdict:
        text = say("the report has no comparison with version {number}", number=incumbent.number)
        objections.append(Objection(text))
    elif verdict == _WORSE:
        objections.append(
            Objection(say("it is worse than version {number}", number=incumbent.number), "worse")
        )
    return objections


def find_remedy(
    registry: str, name: str, alias: str, number: int, live: Placement | None, objections: list[Objection]
) -> str:
    """What to run before the promotion is tried again.

    Args:
        registry: folder or URI.
        name: of the model.
        alias: to be moved.
        number: of the version to be promoted.
        live: what the alias names now.
        objections: to the promotion.
    """
    causes = {objection.cause for objection in objections}
    force = say("--force --reason 'why', which is recorded")
    if causes == {"worse"}:
        return say("promote a version that is not worse, or {force}", force=force)
    commands = []
    evaluate = f"pupila evaluate {write_name(registry, name, str(number))} DATA"
    if live is not None and live.version != number:
        incumbent = write_name(registry, name, str(live.version))
        evaluate += f" --against {incumbent}"
        if "split" in causes:  # the incumbent gets a report on the new split first
            commands = [f"pupila evaluate {incumbent} DATA",
                        write_command(registry, "promote", f"{name}@{live.version}", alias)]  # fmt: skip
    return say("{commands}; or {force}", commands="; ".join([*commands, evaluate]), force=force)


def _name_split(splits_hash: str, data_hash: str) -> str:
    return say("split {split}, data {data}", split=splits_hash[:_SHOWN], data=data_hash[:_SHOWN])
