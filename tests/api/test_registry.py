"""From bundles to production as a user does it: add, evaluate, promote, ask which version was live, roll back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.run.source import BundleSource, parse_predicting
from pupila.cli.run import run
from pupila.core.errors import PupilaError
from tests.colours import plain, write_colours

Command = Callable[..., str]
NAMES = ["1-red", "2-green", "3-blue"]  # in the order of the channels, and of the folders


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Two that predict colours alike, and one that is wrong; never changed."""
    root = tmp_path_factory.mktemp("bundles")
    return [write_colours(root / f"{scale}/bundle", scale, classes=NAMES) for scale in (5.0, 6.0, -5.0)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 noisy images of a colour each, split."""
    root, rng = tmp_path_factory.mktemp("colours"), np.random.default_rng(0)
    for number in range(120):
        label = NAMES[number % 3]
        pixels = plain(*(220 if name == label else 30 for name in NAMES)).astype(int)
        noisy = np.clip(pixels + rng.integers(-30, 30, pixels.shape), 0, 255).astype(np.uint8)
        (root / label).mkdir(exist_ok=True)
        Image.fromarray(noisy).save(root / label / f"{number}.png")
    pupila.split(root)
    return root


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in an empty folder, and gives what it prints; its last argument may be the exit code."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str, code: int = 0) -> str:
        assert run(list(words)) == code
        captured = capsys.readouterr()
        return captured.out if code == 0 else captured.out + captured.err

    return call


def test_a_version_goes_to_production_and_back(command: Command, bundles: list[Bundle], data: Path) -> None:
    assert command("registry", "list") == "No models in registry.\n"
    added = command("registry", "add", bundles[0].folder, "--name", "colours")
    assert added == f"colours@1 was added: bundle {bundles[0].hash[:12]}.\n"
    assert "is colours@1 already" in command("registry", "add", bundles[0].folder, "--name", "colours")
    for bundle in bundles[1:]:
        command("registry", "add", bundle.folder, "--name", "colours")

    refused = command("registry", "promote", "colours@1", "production", code=2)
    assert "there is no evaluation report" in refused
    assert "Try: pupila evaluate registry:colours@1 DATA; or --force" in refused
    printed = command("evaluate", "registry:colours@1", str(data))
    assert "registry/colours/evaluations/1/evaluation-test/report.html" in printed
    assert "production: version 1" in command("registry", "promote", "colours@1", "production")

    command("evaluate", "registry:colours@2", str(data), "--against", "registry:colours")
    assert "production: version 1 -> 2, not distinguishable" in command(
        "registry", "promote", "colours@2", "production"
    )
    command("evaluate", "registry:colours@3", str(data), "--against", "registry:colours@production")
    refused = command("registry", "promote", "colours@3", "production", code=2)
    assert "it is worse than version 2" in refused
    assert "--force needs a reason" in command(
        "registry", "promote", "colours@3", "production", "--force", code=2
    )
    forced = command(
        "registry", "promote", "colours@3", "production", "--force", "--reason", "the camera changed"
    )
    assert (
        "version 2 -> 3, worse, forced although it is worse than version 2, reason: the camera changed"
        in forced
    )
    assert "version 3 -> 2, rollback" in command("registry", "rollback", "colours", "production")

    assert command("registry", "list") == "colours  3 versions  production 2\n"
    assert [line.split()[0] for line in command("registry", "show", "colours").splitlines()] == [
        "1",
        "2",
        "3",
    ]
    assert len(command("registry", "log", "colours").splitlines()) == 7
    assert command("registry", "verify") == "No damage in 1 model, 3 versions, 7 events.\n"
    Path("registry/colours/versions/3/card.md").write_text("x")
    damage = command("registry", "verify", "colours", code=1)
    assert (
        "colours/versions/3: The bundle registry/colours/versions/3 was modified: card.md was changed"
        in damage
    )


def test_which_version_was_live_is_one_command(command: Command, bundles: list[Bundle]) -> None:
    command("registry", "add", bundles[0].folder, "--name", "colours", "--registry", "shelf")
    registry = ("--registry", "shelf")
    force = ("--force", "--reason", "a test")
    command("registry", "promote", "colours@1", "production", *force, *registry)
    today = datetime.now(UTC).date().isoformat()
    line = command("registry", "log", "colours", "--on", today, *registry)
    assert line.startswith(f"production: colours@1 (bundle {bundles[0].hash[:12]}) since {today}")
    (live,) = json.loads(command("registry", "log", "colours", "--on", today, "--json", *registry))
    assert (live["version"], live["bundle"], live["until"]) == (1, bundles[0].hash, None)
    nothing = command("registry", "log", "colours", "--on", "2020-01-01", *registry)
    assert nothing == "No version of colours was live on 2020-01-01 (UTC).\n"
    (event,) = json.loads(command("registry", "log", "colours", "--json", *registry))[1:]
    assert (event["from"], event["to"], event["action"]) == (None, 1, "promote")
    with Path("shelf/colours/history.jsonl").open("r+") as file:
        file.write("x")
    assert run(["registry", "log", "colours", *registry]) == 0


def test_a_version_is_a_model_wherever_a_bundle_is_taken(
    command: Command, bundles: list[Bundle], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = pupila.registry("shelf")
    assert [registry.add(bundle.folder, "colours").number for bundle in bundles[:2]] == [1, 2]
    registry.promote("colours@2", force=True, reason="a test")
    image = str(next(data.glob("1-red/*.png")))
    for name, bundle in (
        ("colours@1", bundles[0]),
        ("colours@production", bundles[1]),
        ("colours", bundles[1]),
    ):
        place = f"registry:shelf#{name}"
        assert pupila.load(place).bundle.hash == bundle.hash
        source = parse_predicting(place)
        assert isinstance(source, BundleSource)
        assert source.name == f"colours@{1 + bundles.index(bundle)}"
        ours, theirs = (pupila.predict(model, image)[0].value for model in (place, bundle.folder))
        assert ours.probabilities == theirs.probabilities
        printed = command("predict", f"registry:{name}", image, "--registry", "shelf", "--json")
        assert json.loads(printed)["prediction"] == "1-red"
    monkeypatch.setenv("PUPILA_REGISTRY", "shelf")
    assert pupila.load("registry:colours@1").bundle.hash == bundles[0].hash
    assert command("registry", "list") == "colours  2 versions  production 2\n"
    pinned = pupila.load("registry:colours", sha256=bundles[1].hash)
    assert pinned.bundle.hash == bundles[1].hash
    with pytest.raises(PupilaError, match="is another one"):
        pupila.load("registry:colours@1", sha256=bundles[1].hash)
    with pytest.raises(PupilaError, match="No model 'shapes'"):
        pupila.load("registry:shapes")


def test_a_damaged_model_hides_no_other_one(command: Command, bundles: list[Bundle]) -> None:
    for name in ("colours", "shapes"):
        command("registry", "add", bundles[0].folder, "--name", name, "--registry", "shelf")
    refused = command("registry", "promote", "shapes@1", "production", "--registry", "shelf", code=2)
    assert "Try: pupila evaluate 'registry:shelf#shapes@1' DATA; or" in refused
    Path("shelf/colours/model.json").unlink()
    printed = command("registry", "list", "--registry", "shelf", code=1)
    assert "shapes  1 version\n" in printed
    assert "shelf/colours/model.json is lost" in printed
