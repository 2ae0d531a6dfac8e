"""Pupila: a few hundred images of your own go in; a vision model that you can trust comes out.

The Python face: names only, each loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from pupila.core.version import __version__

_FACE = {
    "check_deployment": "pupila.api.deploy",
    "collect": "pupila.api.collect",
    "compress": "pupila.api.compress",
    "convert": "pupila.api.convert",
    "diff_data": "pupila.api.versions",
    "doctor": "pupila.api.doctor",
    "evaluate": "pupila.api.evaluate",
    "explain": "pupila.api.explain",
    "explore": "pupila.api.explore",
    "label": "pupila.api.label",
    "list_versions": "pupila.api.versions",
    "load": "pupila.api.load",
    "monitor": "pupila.api.monitor",
    "open": "pupila.api.open",
    "predict": "pupila.api.predict",
    "predict_files": "pupila.api.predict",
    "registry": "pupila.api.registry",
    "render_deployment": "pupila.api.deploy",
    "replay_table": "pupila.experiments.replay.replay",
    "restore_data": "pupila.api.versions",
    "serve": "pupila.api.serve",
    "snapshot_data": "pupila.api.versions",
    "split": "pupila.api.split",
    "sweep": "pupila.experiments.sweep",
    "tokens": "pupila.api.tokens",
    "track": "pupila.api.track",
    "train": "pupila.api.train",
    "AsyncClient": "pupila.api.client",
    "Client": "pupila.api.client",
    "PredictionFiles": "pupila.api.predict",
    "PupilaError": "pupila.core.errors",
    "ServiceError": "pupila.artifacts.web.client_errors",
    "ServiceUnreachable": "pupila.artifacts.web.client_errors",
}

__all__ = [
    "AsyncClient", "Client", "PredictionFiles", "PupilaError", "ServiceError", "ServiceUnreachable",
    "__version__", "check_deployment", "collect", "compress", "convert", "diff_data", "doctor", "evaluate",
    "explain", "explore", "label", "list_versions", "load", "monitor", "open", "predict", "predict_files",
    "registry", "render_deployment", "replay_table", "restore_data", "serve", "snapshot_data", "split", "sweep",
    "tokens", "track", "train",
]  # fmt: skip

if TYPE_CHECKING:
    from pupila.api.client import AsyncClient, Client
    from pupila.api.collect import collect
    from pupila.api.compress import compress
    from pupila.api.convert import convert
    from pupila.api.deploy import check_deployment, render_deployment
    from pupila.api.doctor import doctor
    from pupila.api.evaluate import evaluate
    from pupila.api.explain import explain
    from pupila.api.explore import explore
    from pupila.api.label import label
    from pupila.api.load import load
    from pupila.api.monitor import monitor
    from pupila.api.open import open
    from pupila.api.predict import PredictionFiles, predict, predict_files
    from pupila.api.registry import registry
    from pupila.api.serve import serve
    from pupila.api.split import split
    from pupila.api.tokens import tokens
    from pupila.api.track import track
    from pupila.api.train import train
    from pupila.api.versions import diff_data, list_versions, restore_data, snapshot_data
    from pupila.artifacts.web.client_errors import ServiceError, ServiceUnreachable
    from pupila.core.errors import PupilaError
    from pupila.experiments.replay.replay import replay_table
    from pupila.experiments.sweep import sweep


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module 'pupila' has no attribute {name!r}")
    return getattr(importlib.import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_FACE})
