"""Writes the JSON Schemas of the files that Pupila writes, into docs/reference/schemas.

Run `python -m pupila.cli.write_schemas` after a record was changed; a test refuses schemas that are not up to date. A
field's description is that of `Field`, else the comment behind it.
"""

import ast
import inspect
import io
import json
import textwrap
import tokenize
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Union

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

FOLDER = Path(__file__).parents[3] / "docs" / "reference" / "schemas"


def _audit() -> Any:
    from pupila.artifacts.report.audit import Audit

    return Audit


def _bundle() -> Any:
    from pupila.artifacts.bundle.schema import BundleInfo

    return BundleInfo


def _compress() -> Any:
    from pupila.artifacts.report.compression import CompressReport

    return CompressReport


def _data_diff() -> Any:
    from pupila.artifacts.dataset.versions.difference import VersionDiff

    return VersionDiff


def _deploy() -> Any:
    from pupila.stages.deploy.record import DeployRecord

    return DeployRecord


def _drift() -> Any:
    from pupila.artifacts.report.drift import DriftReport

    return DriftReport


def _explain() -> Any:
    from pupila.artifacts.report.explanation import ExplainReport

    return ExplainReport


def _predictions() -> Any:
    from pupila.artifacts.predictions.log import PredictionRecord

    return PredictionRecord


def _feedback() -> Any:
    from pupila.artifacts.predictions.feedback import FeedbackRecord

    return FeedbackRecord


def _fingerprint() -> Any:
    from pupila.artifacts.report.fingerprint import Fingerprint

    return Fingerprint


def _learning_curve() -> Any:
    from pupila.artifacts.report.learning_curve import LearningCurve

    return LearningCurve


def _plan() -> Any:
    from pupila.stages.train.config import TrainPlanFile

    return TrainPlanFile


def _queue() -> Any:
    from pupila.stages.label.review.queue_file import Queue

    return Queue


def _registry() -> Any:
    from pupila.artifacts.registry.records import ModelFile

    return ModelFile


def _report() -> Any:
    from pupila.artifacts.report.evaluation.reports import REPORTS

    return Annotated[Union[tuple(REPORTS.values())], Field(discriminator="task", title="Report")]  # noqa: UP007


def _sweep() -> Any:
    from pupila.artifacts.sweep.definition import SweepFile

    return SweepFile


def _sweep_error() -> Any:
    from pupila.artifacts.sweep.cell import CellError

    return CellError


def _sweep_report() -> Any:
    from pupila.artifacts.report.sweep import SweepReport

    return SweepReport


def _sweep_result() -> Any:
    from pupila.artifacts.sweep.cell import CellResult

    return CellResult


def _suspects() -> Any:
    from pupila.stages.label.review.ranking import SuspectsFile

    return SuspectsFile


# Name of the file -> what it holds.
SCHEMAS: dict[str, Callable[[], Any]] = {
    "audit": _audit,
    "bundle": _bundle,
    "compress": _compress,
    "data-diff": _data_diff,
    "deploy": _deploy,
    "drift": _drift,
    "explain": _explain,
    "feedback": _feedback,
    "fingerprint": _fingerprint,
    "learning-curve": _learning_curve,
    "plan": _plan,
    "predictions": _predictions,
    "queue": _queue,
    "registry": _registry,
    "report": _report,
    "suspects": _suspects,
    "sweep": _sweep,
    "sweep-error": _sweep_error,
    "sweep-report": _sweep_report,
    "sweep-result": _sweep_result,
}


def text(name: str) -> str:
    """The content of the file."""
    schema = TypeAdapter(SCHEMAS[name]()).json_schema(
        by_alias=True, mode="serialization", schema_generator=_CommentedSchema
    )
    return (
        json.dumps({"$schema": _CommentedSchema.schema_dialect, **schema}, indent=1, ensure_ascii=False)
        + "\n"
    )


class _CommentedSchema(GenerateJsonSchema):
    """Describes a field by its comment."""

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        aliases = {name: field.alias or name for name, field in schema["cls"].model_fields.items()}
        return _describe(super().model_schema(schema), schema["cls"], aliases)

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        return _describe(super().dataclass_schema(schema), schema["cls"], {})


def _describe(content: JsonSchemaValue, record: type, aliases: dict[str, str]) -> JsonSchemaValue:
    for name, comment in _read_comments(record).items():
        part = content["properties"].get(aliases.get(name, name))
        if part is not None:
            part.setdefault("description", comment)
    return content


def _read_comments(record: type) -> dict[str, str]:
    """Field -> the comment on its lines, of the record and of those of ours that it extends."""
    comments: dict[str, str] = {}
    for part in reversed(record.__mro__):
        if part.__module__.startswith("pupila.") and "[" not in part.__name__:  # a generic one has no source
            comments |= _read_own_comments(part)
    return comments


def _read_own_comments(record: type) -> dict[str, str]:
    source = textwrap.dedent(inspect.getsource(record))
    lines = {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and not token.line.lstrip().startswith("#")
    }
    body = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)).body
    return {
        node.target.id: lines[line]
        for node in body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1) if line in lines
    }  # fmt: skip


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for each in SCHEMAS:
        (FOLDER / f"{each}.json").write_text(text(each), encoding="utf-8")
