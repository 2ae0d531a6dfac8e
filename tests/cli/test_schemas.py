"""The JSON Schemas of our files: none is stale, and every record and field says what it is."""

import json
from typing import Any

import pytest

from pupila.cli.write_schemas import FOLDER, SCHEMAS, text


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_up_to_date(name: str) -> None:
    # python -m pupila.cli.write_schemas
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == text(name)


def test_no_schema_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(SCHEMAS)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_valid_and_describes_its_records(name: str) -> None:
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    pytest.importorskip("jsonschema").Draft202012Validator.check_schema(schema)
    parts = {name: schema, **schema.get("$defs", {})}
    records = {title: part for title, part in parts.items() if "properties" in part}
    assert records
    assert all(part["description"] for part in records.values())


def test_a_field_is_described_by_its_comment() -> None:
    schema = json.loads((FOLDER / "report.json").read_text(encoding="utf-8"))
    assert schema["discriminator"]["propertyName"] == "task"
    fields = schema["$defs"]["ClassifyModel"]["properties"]
    assert fields["worst_errors"]["description"] == "the most confident first"
    assert fields["seen_in_training"]["description"] == "images that the model was trained or selected on"
    assert schema["$defs"]["Estimate"]["properties"]["value"]["description"].startswith("None: undefined")
