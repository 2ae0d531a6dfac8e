"""The folder of uploads: private, emptied of what nobody used, and deleted with the process."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pupila.stages.page.uploads import drop

_VARIABLES = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_RUN_HISTORY": "False",
}


@contextmanager
def upload_folder() -> Iterator[Path]:
    """Within it, Gradio writes uploads to a folder of our own, and reports nothing to anyone."""
    with tempfile.TemporaryDirectory(prefix="pupila-page-") as folder:
        changed = {**_VARIABLES, "GRADIO_TEMP_DIR": folder}
        before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def drop_old(folder: Path, seconds: float) -> None:
    """Delete uploads that were not used for so many seconds, as when a visitor leaves during an upload."""
    end = time.time() - seconds
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # it was read meanwhile
            if file.is_file() and file.stat().st_mtime < end:
                drop(str(file))
