"""What was understood of the data stands before the search for duplicates and for groups, which takes long."""

from pathlib import Path

import pytest

from pupila.artifacts.dataset import manifest
from pupila.cli.run import run
from tests.pictures import write_classes


class SearchReached(Exception):
    """Raised in the place of a search."""


@pytest.mark.parametrize("command", ["doctor", "split", "train", "explore"])
@pytest.mark.parametrize("search", ["find_pairs", "find_proposal"])
def test_layout_task_and_classes_stand_before_a_search(
    command: str,
    search: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object) -> None:
        raise SearchReached

    data = write_classes(tmp_path, {"cat": 3, "dog": 3}, seed=77)
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(manifest, search, stop)
    with pytest.raises(SearchReached):
        run([command, str(data)])
    output = capsys.readouterr().out
    assert "6 images in" in output
    assert "Task: classify, 2 classes (cat 3, dog 3)." in output
