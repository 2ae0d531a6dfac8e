"""Settings: overrides, did-you-mean, all faults at once."""

from pathlib import Path
from typing import ClassVar, Literal

import pytest
import yaml
from pydantic import Field, PositiveInt

from pupila.core.errors import PupilaError
from pupila.core.settings import Settings, load_as_written, read_config, shown_default, unknown


class Plain(Settings):
    """For these tests."""

    epochs: PositiveInt = Field(default=20, description="passes over the data")
    rate: float = Field(default=0.1, description="per step")


class Many(Settings):
    """One field of every kind."""

    groups: ClassVar[dict[str, tuple[str, ...]]] = {"common": ("auto",)}
    auto: PositiveInt | Literal["auto"] = Field(default="auto", description="")
    share: float | None = Field(default=None, ge=0, le=0.5, description="")
    bands: tuple[PositiveInt, PositiveInt, PositiveInt] | None = Field(default=None, description="")
    names: tuple[str, ...] = Field(default=(), description="")
    word: Literal["a", "b"] = Field(default="a", description="")
    flag: bool = Field(default=True, description="")
    pairs: dict[str, int] = Field(default_factory=dict, description="")


def test_an_unknown_name_is_answered_with_the_one_meant() -> None:
    with pytest.raises(PupilaError, match=r"epoch is unknown \(did you mean epochs\?\)"):
        Plain.parse({"epoch": 5})


def test_all_faults_are_reported_at_once_with_the_remedy() -> None:
    with pytest.raises(PupilaError) as fault:
        Plain.parse({"epoch": 5, "epochs": -1, "rate": "fast"}, "train")
    assert str(fault.value) == (
        "Invalid training settings: epochs=-1 (expected 1 or more); rate='fast' (expected a number); "
        "epoch is unknown (did you mean epochs?).\n  Try: pupila settings train"
    )


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("auto", "many", "a whole number or auto"),
        ("auto", True, "a whole number or auto"),
        ("auto", -1, "1 or more, or auto"),
        ("share", "x", "a number or null"),
        ("share", 0.7, "0 to 0.5 or null"),
        ("bands", "x", "3 comma-separated whole numbers or null"),
        ("bands", [1, 2], "3 comma-separated whole numbers or null"),
        ("names", 5, "comma-separated names"),
        ("word", "c", "a or b"),
        ("flag", "maybe", "true or false"),
        ("pairs", 5, "NAME=VALUE"),
    ],
)
def test_the_error_names_what_was_expected(field: str, value: object, expected: str) -> None:
    assert Many.faults({field: value}, {field: "--it"}) == [f"--it (expected {expected})"]


def test_groups_name_fields_and_the_rest_is_for_experts() -> None:
    assert [Many.find_group(name) for name in ("auto", "share", "word")] == ["common", "expert", "expert"]
    assert Plain.find_group("epochs") == "common"


def test_a_name_like_none_lists_all() -> None:
    assert unknown("Unknown setting zzz", "zzz", ["epochs", "rate"]) == (
        "Unknown setting zzz. Choose one of: epochs, rate"
    )
    assert unknown("Unknown model zzz", "zzz", [f"m{n}" for n in range(999)]) == "Unknown model zzz"


def test_a_name_like_a_known_one_is_answered_with_it() -> None:
    problem = unknown("Unknown setting epoch", "epoch", ["epochs", "rate"])
    assert str(PupilaError(problem)) == "Unknown setting epoch. Did you mean epochs?"


@pytest.mark.parametrize(("content", "says"), [
    (None, "config.yaml does not exist."), ("- a\n", "config.yaml holds a list; write one NAME: VALUE per line."),
    ("", "config.yaml is empty; write one NAME: VALUE per line."),
    ("word", "config.yaml holds a single value; write one NAME: VALUE per line."),
    ("a: 1\nb: [\n", "config.yaml is not valid YAML (line 3: "),
])  # fmt: skip
def test_a_file_without_settings_is_refused(
    content: str | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("config.yaml").write_text(content)
    with pytest.raises(PupilaError) as fault:
        read_config("config.yaml")
    assert str(fault.value).startswith(says)


def test_every_setting_is_described_with_its_default() -> None:
    rows = [(name, shown_default(field), field.description) for name, field in Plain.model_fields.items()]
    assert rows == [("epochs", "20", "passes over the data"), ("rate", "0.1", "per step")]


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Plain().epochs = 3


def test_yaml_read_as_written_repeats_text_alone() -> None:
    assert load_as_written(b"a: &x no\nb: *x\n") == {"a": "no", "b": "no"}
    levels = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(yaml.YAMLError, match="repeated by its anchor"):
        load_as_written(levels.encode())
