"""The story of the packages up to its labels: collected, labelled by a noisy machine, and audited."""

import json
from pathlib import Path

import pytest

import pupila
from pupila.demo import packages_story
from pupila.demo.labeller import nearest
from pupila.demo.shop import Shop

PRODUCTS = 45


def test_the_story_gets_from_the_shop_to_audited_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages_story, "NAMES", ())  # as on a machine without a browser
    shop = Shop(PRODUCTS, 23, lambda path: packages_story._BAD.get(path))
    packages_story._collected(shop, tmp_path)
    data = pupila.open(tmp_path)
    assert data.task is None
    shown = [packages_story._truth(shop, *row) for row in data.images.select("group", "url").iter_rows()]
    packages_story._labelled(tmp_path, nearest(data, shown))
    said = pupila.open(tmp_path).images["target"].to_list()
    right = sum(one == other for one, other in zip(said, shown, strict=True))
    assert shown.count("unsure") == 1  # the picture for a missing photo
    assert len(said) - 6 <= right < len(said)  # wrong where two of three answers are: about one in 50
    packages_story._audited(tmp_path, nearest(data, shown))
    told = json.loads((tmp_path / "audit.json").read_text())["random"]
    labelled = [(one, other) for one, other in zip(said, shown, strict=True) if one is not None]
    assert (told["right"], told["answered"]) == (sum(one == other for one, other in labelled), len(labelled))
    assert pupila.open(tmp_path).images["target"].to_list() == [
        None if one == "unsure" else one for one in shown
    ]
    assert "No Chromium here" in capsys.readouterr().out
