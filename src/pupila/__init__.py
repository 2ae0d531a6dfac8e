"""Pupila: a few hundred images of your own go in; a vision model that you can trust comes out.

The Python face: names only, each loaded when it is first used. A stage's function bears the name of its
room (`pupila.split` is both), so the functions are served by the module's own class, which wins over
the attribute that importing a room sets.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_FACE = {
    "open": "pupila.dataset.open",
    "collect": "pupila.flow",
    "convert": "pupila.flow",
    "doctor": "pupila.flow",
    "evaluate": "pupila.flow",
    "explore": "pupila.flow",
    "label": "pupila.flow",
    "split": "pupila.flow",
    "train": "pupila.flow",
    "PupilaError": "pupila.errors",
}

__all__ = [
    "PupilaError", "__version__", "collect", "convert", "doctor", "evaluate", "explore", "label", "open", "split",
    "train",
]  # fmt: skip

if TYPE_CHECKING:
    from pupila.dataset.open import open
    from pupila.errors import PupilaError
    from pupila.flow import collect, convert, doctor, evaluate, explore, label, split, train


class _Face(ModuleType):
    """The package itself, whose public functions load on use."""

    def __getattribute__(self, name: str) -> Any:
        if name in _FACE:
            return getattr(importlib.import_module(_FACE[name]), name)
        return super().__getattribute__(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_FACE})


sys.modules[__name__].__class__ = _Face
