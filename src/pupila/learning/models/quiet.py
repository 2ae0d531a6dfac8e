"""timm and transformers without what they load or say besides their work."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def load_timm() -> Any:
    """timm without wandb, which it imports where it is installed: over a second, for a helper of its own scripts."""
    with _hidden("wandb"):
        import timm
    return timm


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Within it an import of the module fails, as if it were not installed; one that is loaded stays."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence warnings of transformers about intended uses, such as a video checkpoint for images."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    level, barred = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()  # of reading a file; a download shows its own
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if barred:
            logging.enable_progress_bar()
