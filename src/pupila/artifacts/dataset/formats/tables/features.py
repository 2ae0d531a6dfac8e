"""The features of a Hugging Face data set: the names of the classes that its columns number."""

import json
from typing import Any

_HUGGING_FACE = "huggingface"  # key of a Parquet file's metadata


def read_parquet_classes(metadata: dict[str, str]) -> dict[str, list[str]]:
    """The names of the classes of each column, from the metadata of a Parquet file."""
    return find_class_names(step_in(metadata.get(_HUGGING_FACE, "{}"), "info", "features"))


def find_class_names(features: Any) -> dict[str, list[str]]:
    """The names of the classes of each column.

    Args:
        features: by the name of the column.
    """
    described = features.items() if isinstance(features, dict) else ()
    return {name: given for name, feature in described if (given := _find_names(feature))}


def name_class(names: list[str] | None, value: object) -> object:
    """The name of the class for its number; None for -1, which is no label; other values as they are."""
    if names is not None and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else None
    return value


def step_in(text: str | bytes, *keys: str) -> Any:
    """The value below these keys of a JSON text; None where it has none."""
    try:
        content = json.loads(text)
    except ValueError:
        return None
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _find_names(feature: Any) -> list[str] | None:
    """The names of the classes of a feature, or of the members of a list."""
    while isinstance(feature, dict) and isinstance(feature.get("feature"), dict):
        feature = feature["feature"]
    if isinstance(feature, list) and len(feature) == 1:
        feature = feature[0]
    names = feature.get("names") if isinstance(feature, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else None
