"""Answers as rows: for people, as JSON lines and as CSV."""

import csv
import io
import json
from typing import Any

from pupila.images.decode import ImageFault
from pupila.messages import say
from pupila.tasks.classify import Answer

Row = dict[str, Any]


def row(uri: str, answer: Answer | ImageFault) -> Row:
    """One image's answer as plain data; `error` says why there is none."""
    if isinstance(answer, ImageFault):
        return {"image": uri, "error": {"code": answer.code, "reason": answer.reason}}
    return {
        "image": uri, "prediction": answer.prediction, "confidence": round(answer.confidence, 6),
        "abstained": answer.abstained, "probabilities": {k: round(v, 6) for k, v in answer.probabilities.items()},
    }  # fmt: skip


def for_people(told: Row) -> str:
    """A line for a person."""
    if "error" in told:
        return say("{image}: {reason}", image=told["image"], reason=told["error"]["reason"])
    unsure = say(", too unsure to count") if told["abstained"] else ""
    return f"{told['image']}: {told['prediction']} ({told['confidence']:.1%}{unsure})"


def as_json(told: Row) -> str:
    """A JSON line."""
    return json.dumps(told, ensure_ascii=False)


def csv_header(classes: list[str]) -> str:
    """The first line of the table."""
    return _line(
        ["image", "prediction", "confidence", "abstained", "error", *(f"p:{name}" for name in classes)]
    )


def as_csv(told: Row, classes: list[str]) -> str:
    """A line of the table; the columns `image`, `prediction` and `p:<class>` are those that evaluate reads."""
    if "error" in told:
        return _line([told["image"], "", "", "", told["error"]["reason"], *[""] * len(classes)])
    shares = [told["probabilities"][name] for name in classes]
    return _line([told["image"], told["prediction"], told["confidence"], told["abstained"], "", *shares])


def _line(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().removesuffix("\n")
