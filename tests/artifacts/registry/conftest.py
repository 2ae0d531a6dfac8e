"""Three bundles of one task, written once, and evaluation reports on them."""

import json
from pathlib import Path
from typing import Any

import pytest

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.registry.model import Promotion, RegisteredModel
from pupila.artifacts.registry.registry import Registry
from tests.colours import write_colours

SPLIT, DATA = "5" * 64, "d" * 64


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Never changed."""
    root = tmp_path_factory.mktemp("bundles")
    return [write_colours(root / f"{n}/bundle", scale=float(n)) for n in (1, 2, 3)]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The default one."""
    monkeypatch.setenv("PUPILA_REGISTRY", str(tmp_path / "registry"))
    return Registry(str(tmp_path / "registry"))


def write_report(folder: Path, bundle: Bundle, other: Bundle | None = None, verdict: str = "better",
                 **head: Any) -> str:  # fmt: skip
    """The fields of `report.json` that a promotion reads, as `pupila evaluate BUNDLE DATA --against OTHER` has them."""
    comparisons = [] if other is None else [{"version": other.hash, "verdict": verdict, "name": "other"}]
    report = {
        "schema": 3, "task": "classify", "data_hash": DATA, "splits_hash": SPLIT, "leaking": False, "split": "test",
        "models": [{"version": bundle.hash, "seen_in_training": 0, "name": "model"}], "comparisons": comparisons,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"report-{bundle.hash[:6]}-{verdict}-{len(list(folder.iterdir()))}.json"
    file.write_text(json.dumps(report | head))
    return str(file)


def fill(registry: Registry, bundles: list[Bundle], name: str = "octagons") -> RegisteredModel:
    """A model with all bundles as versions 1, 2, ..."""
    for bundle in bundles:
        registry.add(bundle, name)
    return registry.find(name)


def promote(model: RegisteredModel, number: int, report: str | None = None, **options: Any) -> Any:
    return model.promote(Promotion(str(number), "production", report, **options))
