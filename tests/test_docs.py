"""The documentation is correct: the example runs, links resolve, tables and commands match the code."""

import re
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.labels import Label, append_labels
from pupila.demo.shop import Shop
from pupila.stages.doctor.faults import catalogue
from tests.colours import plain, write_colours, write_pointing
from tests.conftest import REPOSITORY
from tests.pictures import encoded

PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])


def test_the_readme_example_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    collect_shop(tmp_path / "demo-out/synthetic_packages", 60)
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "2 classes" in printed
    assert "clean" in printed
    assert (tmp_path / "demo-out/synthetic_packages/explore.html").stat().st_size > 50_000
    assert (tmp_path / "runs/first/evaluation-test/report.html").stat().st_size > 50_000


def test_the_examples_of_the_client_run_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (REPOSITORY / "docs/reference/client.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("photo.png").write_bytes(encoded(plain(255, 0, 0)))
    classes, prompts = write_colours(tmp_path / "classes"), write_pointing(tmp_path / "prompts")
    with pupila.serve(classes.folder) as service, pupila.serve(prompts.folder) as promptable:
        names = {"url": service.url, "token": "open-sesame", "prompt_url": promptable.url}
        for example in examples:
            exec(compile(example, "client.md", "exec"), dict(names))
    printed = capsys.readouterr().out
    assert len(examples) == 3
    assert "missing.png Can't read missing.png" in printed
    assert "\n40\n(16, 16) 0.8999" in printed


def collect_shop(folder: Path, products: int) -> None:
    """Products of the synthetic shop with their true labels, like the data of the demo."""
    shop = Shop(products, seed=3)
    with shop.open() as address:
        pupila.collect("static", out=folder, start=f"{address}/static", allow_private=True, rate=1000)
    rows = pupila.open(folder).images.select("image", "sha256", "group").iter_rows()
    append_labels(str(folder), [Label(image, digest, "annotator:truth", True, shop.record(int(group[-4:])).label, "")
                         for image, digest, group in rows])  # fmt: skip


def test_links_and_images_resolve() -> None:
    checked = 0
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not target.startswith("https://"):
                assert (page.parent / target).exists(), f"{page.name} names {target}"
                checked += 1
    print(f"docs: checked {checked} links of {len(PAGES)} pages")
    assert checked >= 15


def test_the_doctors_page_lists_every_fault_as_it_is() -> None:
    rows = re.findall(
        r"^\| `([\w-]+)` \| (\w+) \| (.*?) \| (.*?) \|$",
        (REPOSITORY / "docs/reference/doctor.md").read_text(),
        re.MULTILINE,
    )
    assert {code: tuple(row) for code, *row in rows} == catalogue()


@pytest.mark.parametrize(
    "command",
    [
        "collect",
        "label",
        "doctor",
        "split",
        "explore",
        "convert",
        "data",
        "train",
        "sweep",
        "evaluate",
        "explain",
        "compress",
        "predict",
        "serve",
        "registry",
        "token",
        "deploy",
        "track",
        "clean",
        "settings",
        "demo",
    ],
)
def test_every_command_has_a_page_and_a_row_in_the_readme(command: str) -> None:
    assert (REPOSITORY / f"docs/reference/{command}.md").exists()
    assert f"| `pupila {command}" in (REPOSITORY / "README.md").read_text()


def test_every_stage_and_artefact_has_a_page() -> None:
    floors = [REPOSITORY / "src/pupila" / floor for floor in ("stages", "artifacts")]
    rooms = [p.name for floor in floors for p in floor.iterdir() if p.is_dir() and p.name[0] not in "_."]
    pages = {p.stem for p in PAGES}
    missing = sorted(set(rooms) - pages)
    assert not missing
    assert len(rooms) >= 8


def test_prose_wraps_below_120_characters() -> None:
    checked = 0
    for page in PAGES:
        code = False
        for number, line in enumerate(page.read_text().splitlines(), 1):
            code ^= line.startswith("```")
            if not code and not line.startswith(("|", "```")):
                assert len(line) < 120, f"{page.name}:{number} has {len(line)} characters"
                checked += 1
    assert checked > 1000
