"""Silence what transformers says of intended uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
