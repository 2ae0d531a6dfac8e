"""Versions are above known security fixes, in pyproject.toml and in the lock; actions are pinned by their commits."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
# Distribution -> the first version with all of these fixes, and the advisories, each with what it is.
FLOORS: dict[str, tuple[str, dict[str, str]]] = {
    "aiohttp": ("3.14.4", {"CVE-2026-128131": "many compressed streams in one body take quadratic time"}),
    "filelock": ("3.20.3", {"CVE-2025-68146": "a link in place of the lock truncates another file",
                            "CVE-2026-22701": "the same for soft locks"}),
    "h11": ("0.16.0", {"CVE-2025-43859": "malformed chunks smuggle requests"}),
    "httptools": ("0.6.3", {"CVE-2024-27982": "a space before a Content-Length smuggles requests"}),
    "idna": ("3.15", {"CVE-2026-45409": "a long host name takes quadratic time"}),
    "jinja2": ("3.1.6", {"CVE-2025-27516": "a template leaves the sandbox"}),
    "onnx": ("1.21.0", {"CVE-2026-27489": "external data of a model reads files through links",
                        "CVE-2026-34445": "external data of a model sets attributes, and takes all memory",
                        "CVE-2026-34446": "external data of a model reads files through hard links",
                        "CVE-2026-34447": "external data of a model reads files outside its folder"}),
    "pillow": ("13.0.0", {"CVE-2026-25990": "a PSD image writes out of bounds",
                          "CVE-2026-59199": "coordinates near 2^31 write out of bounds",
                          "CVE-2026-96639": "frames of several modes read and write out of bounds",
                          "CVE-2026-112392": "a picture without pixels ends the process"}),
    "protobuf": ("6.33.5", {"CVE-2026-0994": "JSON of nested Any messages bypasses the limit of depth"}),
    "python-multipart": ("0.0.30", {"CVE-2024-53981": "line breaks before a boundary stall the parser",
                                    "CVE-2026-24486": "a name of a file leaves the folder of uploads",
                                    "CVE-2026-40347": "data around the parts take quadratic time",
                                    "CVE-2026-42561": "headers of a part are unbounded",
                                    "GHSA-vffw-93wf-4j4q": "parameters of RFC 2231 smuggle names of fields"}),
    "pyyaml": ("5.4", {"CVE-2020-14343": "full_load runs code"}),
    "requests": ("2.33.0", {"CVE-2026-25645": "files of an archive are unpacked under names that others can guess"}),
    "starlette": ("1.3.1", {"CVE-2025-62727": "a Range header takes quadratic time",
                            "CVE-2026-48710": "a Host header changes the path of the URL",
                            "PYSEC-2026-248": "a path changes the host of the URL",
                            "CVE-2026-54283": "limits of forms are ignored for urlencoded bodies"}),
    "torch": ("2.10.0", {"CVE-2025-32434": "loading weights runs code", "CVE-2026-24747": "loading weights runs code"}),
    "transformers": ("4.48.0", {"CVE-2024-11392": "loading a configuration runs code"}),
    "urllib3": ("2.7.0", {"CVE-2026-21441": "a redirect's body is decompressed without a limit",
                          "CVE-2026-44431": "a redirect takes credentials to another host",
                          "CVE-2026-44432": "reading on decompresses without a limit"}),
    "uvicorn": ("0.11.7", {"CVE-2020-7695": "line breaks in a header split the response"}),
}  # fmt: skip
LOCK_ONLY = {"aiohttp", "filelock", "h11", "idna", "protobuf", "requests", "urllib3"}  # come with others
ADVISORY = re.compile(r"CVE-\d{4}-\d{4,}|GHSA(-[23456789cfghjmpqrvwx]{4}){3}|PYSEC-\d{4}-\d+")


def required() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = chain(project["dependencies"], *project["optional-dependencies"].values())
    return {requirement.name: requirement for requirement in map(Requirement, texts)}


def locked() -> dict[str, list[Version]]:
    pins: dict[str, list[Version]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    ):
        pins.setdefault(name, []).append(Version(version))
    return pins


def test_the_table_names_advisories() -> None:
    assert len(FLOORS) > 15
    for floor, advisories in FLOORS.values():
        assert Version(floor) and advisories
        assert all(ADVISORY.fullmatch(name) and reason for name, reason in advisories.items())


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_the_lock_is_above_every_known_fix(name: str) -> None:
    assert all(version >= Version(FLOORS[name][0]) for version in locked()[name])


@pytest.mark.parametrize("name", sorted(FLOORS.keys() - LOCK_ONLY))
def test_no_requirement_admits_a_version_with_a_known_hole(name: str) -> None:
    floors = [Version(part.version) for part in required()[name].specifier if part.operator == ">="]
    assert floors and max(floors) >= Version(FLOORS[name][0])


def test_the_lock_satisfies_the_requirements() -> None:
    pins, requirements = locked(), required()
    assert len(requirements) > 30
    for name, requirement in requirements.items():
        if name != "pupila":
            assert all(version in requirement.specifier for version in pins[name]), name
    assert not LOCK_ONLY & requirements.keys()


def test_actions_are_pinned_by_commits_with_their_versions() -> None:
    workflows = list((ROOT / ".github/workflows").glob("*.y*ml"))
    uses = [
        line
        for path in workflows
        for line in path.read_text().splitlines()
        if re.match(r"\s*(- )?uses:", line)
    ]
    assert workflows and len(uses) >= 2
    for line in uses:
        assert re.fullmatch(r"\s*(- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
