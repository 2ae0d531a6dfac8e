"""The one writer of JSON for others: figures that are not finite become null, as JSON has no NaN."""

import json
import math
from typing import Any


def dump_json(content: object, **options: Any) -> str:
    """The content as JSON text, with NaN and the infinities as null.

    Args:
        content: dicts, lists, texts and numbers.
        options: of `json.dumps`, such as `indent`.
    """
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, **options)
    except ValueError:  # rare: only then is the content copied
        return json.dumps(_finite(content), ensure_ascii=False, allow_nan=False, **options)


def _finite(content: object) -> object:
    if isinstance(content, dict):
        return {_finite(key): _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
