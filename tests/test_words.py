"""Names and sentences keep to the words of the field; and a planted word of the dialect is caught."""

from pathlib import Path

import pytest

from tests.architecture import glossary
from tests.architecture.words import Checked, check

ROOT = Path(__file__).parent.parent

SOUND = {
    "src/pupila/core/settings.py": (
        '"""Settings."""\n\n\nclass Settings:\n    """Base."""\n\n\nclass ServeSettings(Settings):\n'
        '    image_size: int = Field(default=224, description="pixels")\n    finetune_epochs: int\n'
    ),
    "src/pupila/tasks/segment.py": (
        "# Compared with the ground truth.\nONE_HOT = {}\n\n\ndef write_report(model, side):\n"
        '    """Write it."""\n    ground_truth, one_hot, left_side = model, side, 0\n'
        "    future.done()  # somebody else's name\n    if match := pattern.match(side):\n"
        '        say("Accuracy {value}", value=ground_truth["image_size"])\n    return one_hot, left_side\n'
    ),
    "src/pupila/stages/label/page.py": "def read_answers(answer):\n    return answer\n",
    "tests/tasks/test_segment.py": "def test_an_answer_is_found():\n    assert 'surest' == 'thawed layers'\n",
    "README.md": "A nothing, a mendacious alike. Ground truth and `image_size`; the ground\ntruth again.\n",
    "src/pupila/report/page.html": "<h1>Calibration</h1>\n",
    "src/pupila/collect/site.yaml": "image_size: 5\n",
}
SEGMENT = "src/pupila/tasks/segment.py"
PLANTED = [
    ("variable", SEGMENT, "told = 1", "told"),
    ("variable", SEGMENT, "NAMES_TOLD = 1", "told"),
    ("variable", SEGMENT, "for one in ():\n    pass", "one"),
    ("variable", SEGMENT, "X = [1 for _seen in ()]", "seen"),
    ("variable", SEGMENT, "if (found := 1):\n    pass", "found"),
    ("variable", SEGMENT, "import os as said", "said"),
    ("variable", SEGMENT, "try:\n    pass\nexcept OSError as wanted:\n    pass", "wanted"),
    ("variable", SEGMENT, "match 1:\n    case done:\n        pass", "done"),
    ("parameter", SEGMENT, "def f(*, asked):\n    pass", "asked"),
    ("parameter", SEGMENT, "F = lambda made: 1", "made"),
    ("function", SEGMENT, "def thaw_layers():\n    pass", "thaw"),
    ("function", SEGMENT, "def bundled():\n    pass", "(function) *ed"),
    ("function", SEGMENT, "def numbers_of():\n    pass", "(function) * of"),
    ("property", SEGMENT, "class A:\n    @property\n    def surest(self):\n        pass", "surest"),
    ("class", SEGMENT, "class Kind:\n    pass", "kind"),
    ("class", SEGMENT, "class MaskLesson:\n    pass", "lesson"),
    ("class", SEGMENT, "Sides = tuple[int, int]", "sides"),
    ("field", SEGMENT, "class A:\n    truth: int", "truth"),
    ("field", SEGMENT, "def f(self):\n    self.keeper = 1", "keeper"),
    ("setting", SEGMENT, "class ASettings(ServeSettings):\n    side: int", "side"),
    ("setting", SEGMENT, "class ASettings(Settings):\n    fine_epochs: int", "fine epochs"),
    ("key", SEGMENT, 'X = {"side": 1}', "side"),
    ("key", SEGMENT, 'X = row["views"]', "views"),
    ("key", SEGMENT, 'X = row.get("told")', "told"),
    ("flag", SEGMENT, 'X = "--thaw-blocks"', "thaw"),
    ("placeholder", SEGMENT, 'say("At {told}", told=1)', "told"),
    ("module", "src/pupila/dataset/things.py", "X = 1", "things"),
    ("key", "docs/train.md", "The field `row.told`", "told"),
    ("key", "src/pupila/collect/site.yaml", "- told: 5", "told"),
    ("message", SEGMENT, 'say("It is surely more")', "surely more"),
    ("message", SEGMENT, 'say_count("One image", "{n} images, set aside", 2)', "set aside"),
    ("message", SEGMENT, 'say("The surest " "if" if X else "The images")', "surest"),
    ("description", SEGMENT, 'X = Field(default=1, description="layers thawed at once")', "thawed"),
    ("description", SEGMENT, 'X = Option(help="flatters")', "flatters"),
    ("literal", SEGMENT, 'TITLES = {"title": "What it expects of itself"}', "expects of itself"),
    ("docstring", SEGMENT, 'def write_row():\n    """Write the one thing."""', "thing"),
    ("docstring", SEGMENT, 'class A:\n    """Nothing.\n\n    Settings at\n    odds.\n    """', "at odds"),
    ("comment", SEGMENT, "# what the images chose\n# is too\n# good", "too good"),
    ("test", "tests/test_x.py", "def test_a_fault_is_mended():\n    pass", "mended"),
    ("comment", "tests/test_x.py", "# as people write it", "as people write it"),
    ("document", "docs/guide/train.md", "One picture is labelled twice and\nunlike.", "and unlike"),
    ("document", "CONTRIBUTING.md", "Always answering the majority.", "always answering"),
    ("document", "src/pupila/report/page.html", "<p>how sure</p>", "how sure"),
    ("document", "src/pupila/collect/site.yaml", "# it says nothing of itself", "says nothing of"),
]  # fmt: skip


def build(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def checked() -> Checked:
    return check(ROOT)


def test_the_words_are_the_fields(checked: Checked) -> None:
    assert not checked.violations, f"\n{len(checked.violations)}\n" + "\n".join(map(str, checked.violations))


def test_a_sound_repository_has_no_violation(tmp_path: Path) -> None:
    checked = check(build(tmp_path, SOUND), exceptions={})
    assert checked.violations == []
    assert checked.files == len(SOUND)


@pytest.mark.parametrize(("kind", "file", "text", "words"), PLANTED)
def test_a_planted_word_is_caught_and_nothing_else(
    kind: str, file: str, text: str, words: str, tmp_path: Path
) -> None:
    planted = SOUND | {file: f"{SOUND.get(file, '')}\n{text}\n"}
    violations = check(build(tmp_path, planted), exceptions={}).violations
    assert [(v.kind, v.file, v.words) for v in violations] == [(kind, file, words)], violations


def test_a_violation_names_its_line_and_what_to_write(tmp_path: Path) -> None:
    build(
        tmp_path, {"src/a.py": "X = 1\n\n\nclass A:\n    thaw: int\n", "README.md": "One.\n\nThe surest.\n"}
    )
    name, phrase = sorted(map(str, check(tmp_path, exceptions={}).violations), reverse=True)
    assert name == "src/a.py:5: field 'A.thaw': not 'thaw'; unfreeze, finetune"
    assert phrase.startswith("README.md:3: document 'One. The surest.': not 'surest'; confidence")


def test_an_exception_excuses_its_file_and_an_idle_one_is_reported(tmp_path: Path) -> None:
    build(tmp_path, SOUND | {"src/pupila/x.py": "told = 1\n"})
    assert check(tmp_path, exceptions={("src/pupila/x.py", "told"): "planted"}).violations == []
    idle = {("src/pupila/x.py", "told"): "planted", ("README.md", "thaw"): "planted"}
    violations = check(tmp_path, exceptions=idle).violations
    assert [(v.kind, v.file, v.words) for v in violations] == [("exception", "README.md", "thaw")]


def test_every_ban_says_what_to_write_instead() -> None:
    bans = [*glossary.NAMES, *glossary.PHRASES]
    assert all(ban.instead for ban in bans)
    assert len({(ban.pattern, ban.scope) for ban in bans}) == len(bans)


def test_the_guard_says_how_much_it_checked(checked: Checked, capsys: pytest.CaptureFixture[str]) -> None:
    bans = len(glossary.NAMES) + len(glossary.PHRASES)
    with capsys.disabled():
        print(
            f"\nwords: checked {checked.files} files, {checked.names} names, {checked.texts} texts "
            f"for {bans} banned words and phrases",
            end=" ",
        )
    assert checked.files > len(list((ROOT / "src").rglob("*.py"))) > 20
    assert checked.names > 10_000
    assert checked.texts > 3_000
