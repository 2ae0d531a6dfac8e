"""The question: a readable file, and a closed set of answers."""

import re
from pathlib import Path

import pytest

from pupila.core.errors import PupilaError
from pupila.stages.label.labellers.question import QUESTIONS_FOLDER, Question, read_question
from tests.conftest import REPOSITORY


def test_the_built_in_question_is_in_spanish_and_has_two_classes() -> None:
    question = read_question("octagons")
    assert question.names == ("con_octogono", "sin_octogono")
    assert "responde únicamente 'con_octogono' o 'sin_octogono'" in question.text
    assert sorted(path.stem for path in QUESTIONS_FOLDER.glob("*.yaml")) == ["octagon_kinds", "octagons"]


def test_a_custom_question_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    path.write_text("prompt: Which?\nclasses: {a: an apple, b: null}\nunsure: no fruit\n")
    question = read_question(str(path))
    assert question.text == "Which?\n\n- a: an apple\n- b\n- unsure: no fruit"
    path.write_text("prompt: Which?\nclasses: [a, b]\n")
    assert read_question(str(path)).names == ("a", "b")


def test_the_question_in_the_docs_is_valid(tmp_path: Path) -> None:
    text, several = re.findall(
        r"```yaml\n(.*?)```", (REPOSITORY / "docs/reference/label.md").read_text(), re.DOTALL
    )
    (tmp_path / "q.yaml").write_text(several)
    assert read_question(str(tmp_path / "q.yaml")).target == "classes"
    (tmp_path / "q.yaml").write_text(text)
    question = read_question(str(tmp_path / "q.yaml"))
    assert question.classes == {
        "asphalt": "smooth and dark", "cobbles": "single stones can be told apart", "other": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("classes: [a, b]", "prompt"),
        ("prompt: p\nclasses: [a]", "classes"),
        ("prompt: p\nclasses: [a, unsure]", "must not be 'unsure'"),
        ("prompt: p\nclasses: [a, ' b']", "surrounded by spaces"),
        ("prompt: p\nclasses: [a, b]\nmodel: x", "model"),
        ("- p", "NAME: VALUE"),
        ("prompt: [", "YAML"),
    ],
)
def test_an_invalid_question_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "q.yaml"
    path.write_text(text)
    with pytest.raises(PupilaError) as refused:
        read_question(str(path))
    assert says in str(refused.value)


def test_the_hash_covers_everything_that_is_sent() -> None:
    question = Question(prompt="p", classes={"a": None, "b": None})
    others = [
        Question(prompt="q", classes={"a": None, "b": None}), Question(prompt="p", classes={"b": None, "a": None}),
        Question(prompt="p", classes={"a": "x", "b": None}),
        Question(prompt="p", classes={"a": None, "b": None}, unsure="u"),
    ]  # fmt: skip
    assert len({question.hash, *(other.hash for other in others)}) == 5
    assert question.hash == Question(prompt="p", classes={"a": None, "b": None}).hash
