"""Label Studio's exports as tasks with their annotations: its own JSON, JSON-MIN, and CSV.

JSON has a record for each task. JSON-MIN and CSV have one for each annotation, with the results of each question under
its name and without their types.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pupila.artifacts.dataset.formats.tables.table_file import STUDIO_COLUMNS
from pupila.artifacts.dataset.formats.tools.annotation_file import dictionaries, region_records
from pupila.artifacts.dataset.formats.tools.studio_names import find_address, is_image_address

CHOICES = "choices"  # type of a result, and the name of its value
PATH_FIELD, HASH_FIELD, OFFERED_FIELD = "path", "sha256", "classes"  # of a task that Pupila wrote
COMMENTS = frozenset(
    {"relation", "textarea", "rating", "number", "datetime", "pairwise", "ranker"}
)  # types of results
NO_REGION = COMMENTS | {"taxonomy"}  # types of results that are not read
_OURS = frozenset({PATH_FIELD, HASH_FIELD, OFFERED_FIELD})
_BARE = frozenset({"data", "id", "meta"})  # of a task without predictions and annotations
_NO_QUESTION = _OURS | STUDIO_COLUMNS | {"id", "created_at", "updated_at", "agreement", "history"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StudioAnnotation:
    """What one annotator submitted for one task."""

    results: list[Json]  # as JSON has them
    annotator: Any = None  # a number, an address, or a record
    time: str = ""  # of the last change
    seconds: float | None = None  # that it took
    ground_truth: bool = False


@dataclass(slots=True)
class StudioTask:
    """An image and what was submitted for it."""

    fields: Mapping[str, Any]  # its data, as the export has them
    annotations: list[StudioAnnotation] = field(default_factory=list)  # without cancelled ones
    cancelled: int = 0

    @property
    def address(self) -> str:
        """That of the image; where there are several, of the field that results refer to, or the first; or empty."""
        return find_address(self.fields, [str(result.get("to_name")) for each in self.annotations
                                          for result in each.results])  # fmt: skip

    @property
    def counting(self) -> StudioAnnotation | None:
        """The annotation that counts: the ground truth, or else the last one."""
        return max(self.annotations, key=lambda each: (each.ground_truth, each.time), default=None)


def parse_tasks(content: Any, uri: str) -> list[StudioTask] | None:
    """The tasks of an export; None where the content is something else.

    Args:
        content: of a JSON file, or the rows of a CSV file.
        uri: of the file, for messages.

    Raises:
        PupilaError: a result is no record.
    """
    if are_tasks(content):
        return [_parse_task(item, uri) for item in content]
    if (
        isinstance(content, list)
        and content
        and all(isinstance(item, dict) and _is_flat(item) for item in content)
    ):
        return _parse_flat(content)
    return None


def are_tasks(content: Any) -> bool:
    """Whether the content of a JSON file is Label Studio's own form, with or without annotations."""
    return isinstance(content, list) and bool(content) and all(isinstance(each, dict) and _is_task(each)
                                                               for each in content)  # fmt: skip


def _is_task(item: Json) -> bool:
    given = item.get("annotations", item.get("completions"))
    return isinstance(item.get("data"), dict) and (
        isinstance(given, list) or "predictions" in item or item.keys() <= _BARE
    )


def _parse_task(item: Json, uri: str) -> StudioTask:
    given = item.get("annotations", item.get("completions"))
    records = dictionaries(given)
    submitted = [each for each in records if not each.get("was_cancelled")]
    annotations = [_parse_annotation(each, _check_results(each.get("result"), uri)) for each in submitted]
    return StudioTask(item["data"], annotations, len(records) - len(submitted))


def _parse_annotation(record: Json, results: list[Json]) -> StudioAnnotation:
    seconds = record.get("lead_time")
    return StudioAnnotation(
        results,
        record.get("completed_by", record.get("annotator")),
        str(record.get("updated_at") or record.get("created_at") or ""),
        _read_seconds(seconds),
        bool(record.get("ground_truth")),
    )


def _read_seconds(raw: Any) -> float | None:
    try:
        return None if raw in (None, "") else float(raw)
    except (TypeError, ValueError):
        return None


def _check_results(raw: Any, uri: str) -> list[Json]:
    """The results, whose values are records; those without an area and a class may have none."""
    results = region_records(raw if isinstance(raw, list) else [raw], uri)
    region_records([each.get("value") for each in results if result_kind(each) not in NO_REGION], uri)
    return results


def result_kind(result: Json) -> str:
    """The type of a result."""
    return str(result.get("type"))


def is_choice(result: Json) -> bool:
    """Whether a result names classes without a place."""
    return result_kind(result) in (CHOICES, "taxonomy")


def _is_flat(item: Json) -> bool:
    if "data" in item or not item.keys() & STUDIO_COLUMNS:
        return any("original_width" in region for value in item.values() for region in _read_list(value))
    return bool(find_address(item, []))


def _parse_flat(content: Iterable[Json]) -> list[StudioTask]:
    """The tasks of records with one annotation each."""
    tasks: dict[tuple[str, str], StudioTask] = {}
    for number, item in enumerate(content):
        address = find_address(item, [])
        place = (str(item.get("id", f"#{number}")), address)
        task = tasks.setdefault(place, StudioTask(_select_fields(item)))
        results = _read_flat_results(item, address)
        if results or item.get("annotation_id") not in (None, ""):
            task.annotations.append(_parse_annotation(item, results))
    return list(tasks.values())


def _select_fields(item: Json) -> Json:
    """The fields that are data rather than results, as far as their values show it."""
    return {name: _read_json(value) if name == OFFERED_FIELD else value for name, value in item.items()
            if name in _OURS or is_image_address(value)}  # fmt: skip


def _read_flat_results(item: Json, address: str) -> list[Json]:
    results: list[Json] = []
    for name, raw in item.items():
        value = _read_json(raw)
        if name in _NO_QUESTION or raw == address:
            continue
        regions = [each for each in _read_list(value) if CHOICES not in each]
        results += [
            {
                "from_name": name, "type": _flat_kind(region), "value": region,
                **{key: region.get(key) for key in ("original_width", "original_height")},
            }
            for region in regions
        ]  # fmt: skip
        chosen = _read_choices(value)
        if chosen and not any(is_image_address(each) for each in chosen):
            results.append({"from_name": name, "type": CHOICES, "value": {CHOICES: chosen}})
    return results


def _read_choices(value: Any) -> list[Any]:
    """What was chosen: a text, a record with several, or a list of those."""
    if isinstance(value, list):
        strings_or_choices = all(
            isinstance(each, str) or (isinstance(each, dict) and CHOICES in each) for each in value
        )
        return [name for each in value for name in _read_choices(each)] if strings_or_choices else []
    if isinstance(value, dict):
        chosen = value.get(CHOICES)
        return chosen if isinstance(chosen, list) else [] if chosen is None else [chosen]
    return [value] if isinstance(value, str) and value else []


def _read_json(value: Any) -> Any:
    """A list or record that CSV holds as text; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _read_list(value: Any) -> list[Json]:
    return dictionaries(_read_json(value))


def _flat_kind(region: Json) -> str:
    """The type of a result by the name of its classes."""
    return next((str(key) for key in region if str(key).endswith("labels")), _only_value(region))


def _only_value(region: Json) -> str:
    """The type of a result without classes: `{"rating": 3}` is a rating, and a shape is `labels` without any."""
    return next(
        (kind for kind in NO_REGION if kind in region or (kind == "textarea" and "text" in region)), "labels"
    )
