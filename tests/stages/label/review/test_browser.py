"""The audit from end to end: the command, its page in Chromium, keys, a kill in between, the report."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pupila.artifacts.dataset.labels import read_history
from pupila.tasks.label_text import write_labels
from tests.stages.label.review.reviews import flat, label

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def browser_page() -> Iterator[Any]:
    chromium = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if chromium is None:
        reason = "no Chromium on this machine"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1000, "height": 700})
        browser.close()


@contextmanager
def command(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running command and the address that it printed."""
    running = subprocess.Popen(
        [sys.executable, "-m", "pupila", "label", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        lines = iter(running.stdout.readline, "")  # what was understood of the data stands first
        match = next(filter(None, (re.search(r"http://127\.0\.0\.1:\d+/", line) for line in lines)), None)
        assert match
        yield running, match[0]
    finally:
        running.kill()
        running.wait()
        assert running.stdout is not None
        running.stdout.close()


def press(page: Any, *keys: str) -> None:
    """Press each key once the image is loaded, and wait until the answer is saved."""
    for key in keys:
        page.wait_for_function("() => state !== null && (loaded || state.current === null)")
        before = page.evaluate("document.body.dataset.answered")
        page.keyboard.press(key)
        page.wait_for_function("before => document.body.dataset.answered !== before", arg=before)


def test_an_audit_by_keyboard(tmp_path: Path) -> None:
    data = label(flat(tmp_path, 14), ["cow", "dog"] * 7, [0.5 + n / 40 for n in range(14)])
    arguments = ("audit", str(tmp_path), "--sample", "10", "--uncertain", "2", "--annotator", "ana")
    faults: list[str] = []
    with browser_page() as page:
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        with command(*arguments) as (running, address):
            page.goto(address)
            press(page, "1", "2", "u", "Backspace", "1")
            page.keyboard.press("9")  # no such class: nothing happens
            press(page, "2")
            running.send_signal(signal.SIGKILL)
            running.wait()
            page.keyboard.press("1")
            page.wait_for_function("() => ended")
            assert "All answers are saved" in page.inner_text("#done")
        faults.clear()  # the browser reported the lost connection
        with command(*arguments) as (running, address):
            page.goto(address)
            page.wait_for_function("() => state !== null")
            assert page.inner_text("#progress") == "4 of 12 answered"
            assert page.inner_text("#last") == "Last answer: dog"
            press(page, *["1"] * 8)
            press(page, "Backspace")
            page.wait_for_function("() => loaded")
            page.click("text=dog")  # by mouse as well
            page.wait_for_function("() => state.current === null")
            page.keyboard.press("Enter")
            page.wait_for_function("() => ended")
            out, _ = running.communicate(timeout=60)
            assert running.returncode == 0
    assert not faults
    rows = read_history(data.home).filter(read_history(data.home)["annotator"])
    assert rows["target"].to_list() == ["cow", "dog", None, None, "cow", "dog", *["cow"] * 8, None, "dog"]
    assert set(rows["labeller"]) == {"annotator:ana"}
    audit = json.loads((tmp_path / "audit.json").read_text())["report"]
    assert (audit["completed"], audit["items"], audit["random"]["reviewed"]) == (12, 12, 10)
    assert f"{audit['random']['accuracy']['value']:.3f} (95 % CI" in out
    assert (tmp_path / "audit.html").stat().st_size > 10_000


def test_more_than_nine_classes_are_on_further_pages(tmp_path: Path) -> None:
    data = label(flat(tmp_path, 2), ["c01", "c11"])
    more = [word for n in range(1, 12) for word in ("--extra-classes", f"c{n:02d}")]
    with (
        browser_page() as page,
        command("audit", str(tmp_path), "--annotator", "ana", *more) as (running, address),
    ):
        page.goto(address)
        page.wait_for_function("() => loaded")
        assert "c09" in page.inner_text("footer") and "c10" not in page.inner_text("footer")
        page.keyboard.press("0")
        assert "c09" not in page.inner_text("footer") and "c11" in page.inner_text("footer")
        press(page, "2", "3")
        running.send_signal(signal.SIGINT)
        assert "2 of 2" not in running.communicate(timeout=60)[0]
        assert running.returncode == 0
    rows = read_history(data.home)
    assert rows.filter(rows["annotator"])["target"].to_list() == ["c11", "c03"]


def test_several_labels_by_keyboard(tmp_path: Path) -> None:
    data = label(flat(tmp_path, 3), [write_labels({"cow": True, "dog": False})] * 3)
    arguments = ("audit", str(tmp_path), "--uncertain", "0", "--annotator", "ana")
    with browser_page() as page, command(*arguments) as (running, address):
        page.goto(address)
        page.wait_for_function("() => state !== null && loaded")
        page.keyboard.press("1")
        page.keyboard.press("2")
        page.keyboard.press("2")
        marks = page.eval_on_selector_all(
            ".toggle", "all => all.map(each => each.getAttribute('aria-pressed'))"
        )
        assert marks == ["true", "mixed"]
        press(page, "Enter", "Enter")  # what was marked on the first image is absent on the second
        page.click("text=dog")
        press(page, "Enter", "Backspace", "u")
        page.keyboard.press("Enter")
        page.wait_for_function("() => ended")
        running.communicate(timeout=60)
    rows = read_history(data.home)
    assert rows.filter(rows["annotator"])["target"].to_list() == [
        '{"cow": 1}', '{"cow": 0, "dog": 0}', '{"cow": 0, "dog": 1}', None, None,
    ]  # fmt: skip
