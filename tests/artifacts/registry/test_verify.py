"""Every kind of damage is named, and nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.registry.registry import Registry
from pupila.artifacts.registry.verify import verify_registry
from pupila.core.errors import PupilaError
from tests.artifacts.registry.conftest import fill, promote, write_report
from tests.colours import write_colours


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, bundles: list[Bundle]) -> Path:
    """Three versions, promoted and rolled back; never changed."""
    root = tmp_path_factory.mktemp("sound")
    model = fill(Registry(str(root / "registry")), bundles)
    promote(model, 1, write_report(root, bundles[0]))
    promote(model, 2, write_report(root, bundles[1], bundles[0]))
    promote(model, 3, write_report(root, bundles[2], bundles[1]))
    model.roll_back("production")
    return root / "registry"


@pytest.fixture
def home(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "registry")) / "octagons"


def change_line(home: Path, number: int, change: Callable[[str], str | None]) -> None:
    lines: list[str | None] = [*(home / "history.jsonl").read_text().splitlines()]
    lines[number - 1] = change(str(lines[number - 1]))
    (home / "history.jsonl").write_text("".join(f"{line}\n" for line in lines if line is not None))


def drop_reports(home: Path) -> None:
    sorted((home / "reports").iterdir())[0].unlink()


def change_reports(home: Path) -> None:
    sorted((home / "reports").iterdir())[0].write_text("{}")


def swap_bundle(home: Path) -> None:
    shutil.rmtree(home / "versions/3")
    shutil.copytree(home / "versions/1", home / "versions/3")


def edit_model(home: Path) -> None:
    text = (home / "model.json").read_text()
    (home / "model.json").write_text(text.replace('"version": 2', '"version": 1'))


def rewind_model(home: Path) -> None:
    """`model.json` is that of a registry in which nothing was promoted."""
    bare = Registry(str(home.parent / "other"))
    source = Registry(str(home.parent)).find("octagons")
    for number in ("1", "2", "3"):
        bare.add(source.bundle(source.version(number)), "octagons")
    shutil.copy(Path(bare.uri, "octagons/model.json"), home / "model.json")
    shutil.rmtree(bare.uri)


def replace_history(home: Path) -> None:
    (home / "history.jsonl").unlink()
    (home / "history.jsonl").mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "file of a version": (lambda h: (h / "versions/2/card.md").write_text("x"), "versions/2", "card.md was changed"),
    "no version": (lambda h: shutil.rmtree(h / "versions/3"), "versions/3", "No bundle"),
    "another bundle": (swap_bundle, "versions/3", "is another one"),
    "unknown version": (lambda h: shutil.copytree(h / "versions/1", h / "versions/9"), "versions/9", "no version has"),
    "half a line": (lambda h: change_line(h, 2, lambda t: t[:40]), "history.jsonl", "line 2 is damaged"),
    "no UTF-8": (lambda h: (h / "history.jsonl").write_bytes(b"\xff\xfe\n" + (h / "history.jsonl").read_bytes()),
                 "history.jsonl", "line 1 is damaged"),
    "changed line": (lambda h: change_line(h, 4, lambda t: t.replace('"who": "', '"who": "x')), "history.jsonl",
                     "event 4 was changed"),
    "lost line": (lambda h: change_line(h, 4, lambda _: None), "history.jsonl", "the events 4 are missing"),
    "lost start": (lambda h: change_line(h, 1, lambda _: None), "history.jsonl", "the events 1 are missing"),
    "changed last line": (lambda h: change_line(h, 7, lambda t: t.replace('"reason": "', '"reason": "x')),
                          "history.jsonl", "its last event is not that of model.json"),
    "repeated line": (lambda h: change_line(h, 4, lambda t: f"{t}\n{t}"), "history.jsonl", "not in its place"),
    "edited model.json": (edit_model, "model.json", "is damaged"),
    "older model.json": (rewind_model, "history.jsonl", "event 3 is not in its place"),
    "lost model.json": (lambda h: (h / "model.json").unlink(), "model.json", "model.json is lost"),
    "empty model.json": (lambda h: (h / "model.json").write_bytes(b""), "model.json", "model.json is lost"),
    "history is a folder": (replace_history, "octagons/", "history.jsonl: "),
    "renamed": (lambda h: h.rename(h.parent / "hexagons"), "hexagons/model.json", "it is the file of octagons"),
    "no report": (drop_reports, "reports/", "the report is missing"),
    "changed report": (change_reports, "reports/", "the report was changed"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(DAMAGES))
def test_a_damage_is_named_and_nothing_else(name: str, home: Path) -> None:
    harm, place, problem = DAMAGES[name]
    harm(home)
    damages = verify_registry(Registry(str(home.parent))).damages
    assert [(place in damage.place, problem in damage.problem) for damage in damages] == [(True, True)], (
        damages
    )


def test_a_sound_registry_has_no_damage(sound: Path) -> None:
    verification = verify_registry(Registry(str(sound)))
    assert verification.damages == []
    assert (verification.models, verification.versions, verification.events) == (1, 3, 7)
    assert verify_registry(Registry(str(sound)), ["octagons"]) == verification
    assert verify_registry(Registry(str(sound / "nothing"))).models == 0


def test_a_damaged_line_does_not_stop_a_rollback(home: Path) -> None:
    change_line(home, 2, lambda text: text[:40])
    model = Registry(str(home.parent)).find("octagons")
    assert model.roll_back("production").to_version == 1
    assert model.history().damaged == [2]
    assert [event.number for event in model.history().events] == [1, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("content", [None, b""])
def test_without_its_file_a_model_takes_no_version(
    content: bytes | None, home: Path, bundles: list[Bundle]
) -> None:
    (home / "model.json").unlink()
    if content is not None:
        (home / "model.json").write_bytes(content)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    registry = Registry(str(home.parent))
    assert registry.names() == ["octagons"]
    for attempt in (registry.find("octagons").state, lambda: registry.add(bundles[2], "octagons")):
        with pytest.raises(PupilaError, match=r"model\.json is lost"):
            attempt()
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert before.items() <= after.items()


def test_a_version_that_an_older_file_does_not_know_is_not_overwritten(home: Path, tmp_path: Path) -> None:
    rewind_model(home)
    (home / "versions/7").mkdir()  # added after that file was copied
    fourth = write_colours(tmp_path / "fourth/bundle", scale=9.0)
    version, new = Registry(str(home.parent)).add(fourth, "octagons")
    assert (version.number, new) == (8, True)


def test_a_folder_that_is_no_model_is_named(home: Path) -> None:
    shutil.copytree(home, home.parent / "Octagons")
    shutil.copytree(home, home.parent / "bad name")
    damages = verify_registry(Registry(str(home.parent))).damages
    assert {damage.place for damage in damages} == {
        f"{name}/model.json" for name in ("Octagons", "octagons", "bad name")
    }
    assert json.loads((home / "model.json").read_text())["name"] == "octagons"
