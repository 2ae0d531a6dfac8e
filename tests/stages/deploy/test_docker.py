"""The rendered Dockerfiles, their locks and Pupila's wheel; the images themselves are in test_images.py."""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

import pupila
from pupila.core.errors import PupilaError
from pupila.stages.deploy import docker, wheel
from tests.conftest import REPOSITORY
from tests.stages.deploy.deployments import deployment

PACKAGE = Path(pupila.__file__).parent
LOCKS = [*docker.IMAGES, docker.BUILDER]
HOST = re.compile(r"[a-z]+://|\.(com|org|net|io)\b")


def read_pins(lock: str) -> dict[str, str]:
    """The hashes by requirement with version and marker."""
    entries = re.split(
        r"\n(?=\S)", "\n".join(line for line in lock.splitlines() if not line.strip().startswith("#"))
    )
    pins = {}
    for entry in filter(str.strip, entries):
        requirement, *hashes = entry.replace("\\\n", "").split("--hash=")
        pins[requirement.strip()] = "\n".join(sorted(each.strip() for each in hashes))
    return pins


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return docker.render(deployment())


@pytest.fixture(scope="module")
def whole_lock() -> dict[str, str]:
    return read_pins((REPOSITORY / "requirements.lock").read_text())


@pytest.mark.parametrize("name", LOCKS)
def test_an_image_has_the_versions_and_hashes_of_the_whole_lock(
    name: str, whole_lock: dict[str, str]
) -> None:
    pins = read_pins(docker.read_lock(name).decode())
    assert len(pins) > 20
    assert all(pins.values()), "a requirement without a hash"
    versions = {pin.partition("==")[0]: pin for pin in whole_lock}
    for pin, hashes in pins.items():
        library = pin.partition("==")[0]
        if name == docker.BUILDER:  # what writes the bill of materials is thrown away: it may have more
            assert library not in versions or pin.split(" ;")[0] in {
                each.split(" ;")[0] for each in whole_lock
            }
        else:
            same = [each for each in whole_lock if each.split(" ;")[0] == pin.split(" ;")[0]]
            assert same, f"{pin} is not in requirements.lock: run make lock"
            assert whole_lock[same[0]] == hashes


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_host(name: str) -> None:
    assert not HOST.search(docker.read_lock(name).decode())


@pytest.mark.parametrize(("name", "has", "lacks"), [
    ("api", ("onnxruntime", "s3fs", "uvloop"), ("torch", "gradio", "polars", "scipy", "matplotlib", "pip")),
    ("page", ("gradio", "httpx"), ("torch", "polars", "scipy", "s3fs", "pip")),
    ("train", ("torch", "timm", "polars", "s3fs"), ("gradio", "pip")),
    ("builder", ("cyclonedx-bom",), ("torch", "numpy")),
])  # fmt: skip
def test_an_image_has_what_it_needs_and_no_more(
    name: str, has: tuple[str, ...], lacks: tuple[str, ...]
) -> None:
    libraries = {pin.partition("==")[0] for pin in read_pins(docker.read_lock(name).decode())}
    assert libraries.issuperset(has) and libraries.isdisjoint(lacks)


def test_the_rendered_files_are_what_the_dockerfiles_copy_and_what_reaches_the_build(
    files: dict[str, bytes],
) -> None:
    copied = set()
    for name in docker.IMAGES:
        text = files[f"Dockerfile.{name}"].decode()
        copied |= set(re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE))
        assert "<<" not in text
        assert len(re.findall(r"^FROM ", text, re.MULTILINE)) == 3
    assert copied == {name for name in files if "/" in name}
    assert files[".dockerignore"].decode().splitlines()[1:] == ["*", "!requirements/*.txt", "!wheel/*.whl"]


@pytest.mark.parametrize("name", docker.IMAGES)
def test_hadolint_finds_nothing(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / f"Dockerfile.{name}"
    path.write_bytes(files[path.name])
    result = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), path], capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (0, "")


def read_installed() -> Iterator[tuple[str, bytes]]:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"pupila/{path.relative_to(PACKAGE).as_posix()}", path.read_bytes()


def test_the_wheel_has_every_file_and_is_the_same_each_time(files: dict[str, bytes]) -> None:
    packed = files[f"wheel/{wheel.WHEEL_NAME}"]
    assert packed == wheel.build_wheel()
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    metadata = f"pupila-{pupila.__version__}.dist-info"
    assert {name: data for name, data in content.items() if not name.startswith(metadata)} == dict(
        read_installed()
    )
    record = content[f"{metadata}/RECORD"].decode().splitlines()
    assert [line.split(",")[0] for line in record] == list(content)
    assert b"direct_url" not in packed, "it names a folder of this machine"


def test_pip_installs_the_wheel(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / wheel.WHEEL_NAME
    path.write_bytes(files[f"wheel/{wheel.WHEEL_NAME}"])
    target = tmp_path / "site"
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--target", str(target), str(path)]
    subprocess.run(command, check=True)
    installed = {
        f"pupila/{each.relative_to(target / 'pupila').as_posix()}": each.read_bytes()
        for each in (target / "pupila").rglob("*") if each.is_file() and "__pycache__" not in each.parts
    }  # fmt: skip
    assert installed == dict(read_installed())
    shown = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(target)!r})\n"
         "import json, pupila; from importlib.metadata import distribution as d\n"
         "print(json.dumps([pupila.__file__, d('pupila').version, len(d('pupila').files)]))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    origin, version, count = json.loads(shown.stdout)
    assert origin == str(target / "pupila" / "__init__.py") and version == pupila.__version__
    assert count >= len(installed)


def test_metadata_of_another_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel, "__version__", "9.9")
    with pytest.raises(PupilaError, match="another version"):
        wheel.build_wheel()
