"""The dashboard and the alert rules, read as their programs read them."""

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

FOLDER = files("pupila") / "artifacts/web/monitoring"
_METRIC = re.compile(r"(?<![\w$])(?:pupila|process)_\w+")


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    panel: str
    expression: str


def read_dashboard() -> dict[str, Any]:
    board: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    return board


def read_alerts() -> dict[str, str]:
    """Name -> expression."""
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def list_queries() -> list[Query]:
    return [
        Query(panel["title"], target["expr"])
        for panel in read_dashboard()["panels"]
        for target in panel["targets"]
    ]


def fill_in(expression: str, job: str, interval: str) -> str:
    """The expression with the variables that Grafana fills in."""
    values = {"$job": job, "$instance": ".*", "$__rate_interval": interval, "$__interval": interval}
    for name, value in values.items():
        expression = expression.replace(name, value)
    return expression


def list_metrics(expression: str) -> set[str]:
    """The metrics in an expression, as a scrape names their samples."""
    return set(_METRIC.findall(expression))
