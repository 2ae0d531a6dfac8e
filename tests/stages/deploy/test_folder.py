"""The whole way of a user: render all targets for a bundle, check the folder, break a file, check again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import pupila
from pupila.cli.run import run
from pupila.learning.models.settings import ClassifierSettings
from tests.untrained import draw_network, write_network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All targets, rendered from a bundle in a folder whose name a shell would take apart."""
    root = tmp_path_factory.mktemp("deployed")
    network = draw_network("classify", ClassifierSettings(weights="none", model="lenet"), 64)
    write_network(root / "mis modelos $HOME" / "bundle", network)
    out = root / "deploy"
    for target in ("aws", "aws-train"):
        pupila.render_deployment(
            root / "mis modelos $HOME" / "bundle", target=target, out=out, name="octagons"
        )
    yield out


def test_a_rendered_folder_has_no_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", "check", str(folder)]) == 0
    verdict = capsys.readouterr().out
    assert verdict.startswith("No fault in ")


def test_the_readme_has_every_section_and_no_placeholder(folder: Path) -> None:
    readme = (folder / "README.md").read_text()
    assert "<<" not in readme
    for title in ("## Images", "## One machine", "## AWS", "## Training on AWS"):
        assert title in readme
    assert "cp -r '../mis modelos $HOME/bundle' bundle" in readme
    assert "secrets/" in (folder / ".gitignore").read_text()


def test_a_broken_file_is_named_with_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compose = folder / "compose.yaml"
    rendered = compose.read_text()
    for other in ("cloudformation.yaml", "cloudformation-train.yaml"):  # checked above
        (folder / other).rename(folder / f"{other}.away")
    compose.write_text(rendered.replace("127.0.0.1:8000:8000", "8000:8000"))
    assert run(["deploy", "check", str(folder)]) == 1
    output = capsys.readouterr().out
    line = 1 + rendered[: rendered.index("127.0.0.1:8000:8000")].count("\n")
    assert f"compose.yaml:{line}" in output and "Try: 127.0.0.1:" in output
    assert "edited: compose.yaml" in output
