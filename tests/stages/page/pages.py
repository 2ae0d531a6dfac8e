"""The page as a process of its own, and a browser."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_REFUSED = re.compile(
    r"Traceback(?:(?!\nTraceback).)*?\n\S*(?:InvalidPathError: [^\n]*|ValueError: embedded null byte)\n",
    re.DOTALL,
)
# Writes every address that the process connects to, and every host that it looks up, to a file.
_WATCHED = """
import sys
def watch(event, arguments, log=open(sys.argv[1], "a", buffering=1)):
    if event == "socket.connect":
        log.write(f"{arguments[1]}\\n")
    elif event == "socket.getaddrinfo":
        log.write(f"{arguments[0]}\\n")
sys.addaudithook(watch)
from pupila.cli import main
sys.argv = ["pupila", *sys.argv[2:]]
main()
"""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is served."""

    url: str
    folder: Path  # of its temporary files, and of the addresses that it connected to

    def connections(self) -> set[str]:
        return set((self.folder / "addresses").read_text().splitlines())

    def stored_bytes(self) -> int:
        """Bytes of all uploads that still lie on disk."""
        return sum(file.stat().st_size for file in self.folder.glob("pupila-page-*/**/*") if file.is_file())


@contextmanager
def run_pages(folder: Path, *commands: tuple[str, ...]) -> Iterator[list[Page]]:
    """Pages, started at once; each ends with SIGTERM and 0, its standard error empty but for refused paths."""
    running = []
    for number, arguments in enumerate(commands):
        own = folder / str(number)
        own.mkdir()
        command = [sys.executable, "-c", _WATCHED, str(own / "addresses"), "page", *arguments, "--port", "0"]
        environment = {**os.environ, "TMPDIR": str(own)}
        running.append(
            (subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment), own)
        )  # fmt: skip
    try:
        pages = []
        for process, own in running:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.search(r"https?://\S+/", line)
            assert match, (line, process.stderr.read() if process.stderr else "")
            pages.append(Page(match[0], own))
        yield pages
        for process, _ in running:
            process.send_signal(signal.SIGTERM)
        for (process, own), _ in zip(running, pages, strict=True):
            _, errors = process.communicate(timeout=30)
            assert (process.returncode, _REFUSED.sub("", errors)) == (0, "")
            assert not list(own.glob("pupila-page-*"))
    finally:
        for process, _ in running:
            process.kill()
            process.communicate()


@contextmanager
def run_browser() -> Iterator[Any]:
    chromium = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if chromium is None:
        reason = "no Chromium on this machine"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def read_log(path: Path, text: str, count: int) -> list[dict[str, Any]]:
    """The records with this text, once the thread of the service's log has written so many."""
    chosen: list[str] = []
    for _ in range(100):
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        chosen = [line for line in lines if text in line and line.endswith("\n")]
        if len(chosen) >= count:
            break
        time.sleep(0.1)
    return [json.loads(line) for line in chosen]
