"""Settings: overrides, did-you-mean, all faults at once."""

import pytest
from pydantic import Field, PositiveInt

from pupila.core.errors import PupilaError
from pupila.core.settings import Settings, parse_overrides, unknown


class Wish(Settings):
    """For these tests."""

    epochs: PositiveInt = Field(default=20, description="passes over the data")
    rate: float = Field(default=0.1, description="per step")


def test_an_unknown_name_is_answered_with_the_one_meant() -> None:
    with pytest.raises(PupilaError, match="unknown; did you mean 'epochs'"):
        Wish.wish({"epoch": 5})


def test_all_faults_are_told_at_once_with_the_remedy() -> None:
    with pytest.raises(PupilaError) as fault:
        Wish.wish({"epoch": 5, "epochs": -1, "rate": "fast"}, "train")
    assert all(word in fault.value.found for word in ("epoch:", "epochs:", "rate:", "-1", "'fast'"))
    assert fault.value.remedy == "pupila settings train"


def test_a_name_like_none_lists_all() -> None:
    assert unknown("zzz", ["epochs", "rate"]) == "unknown; there are epochs, rate"


def test_overrides_are_read_as_yaml_and_small_numbers_stay_numbers() -> None:
    told = parse_overrides(["epochs=3", "by=null", "flag=true", "rate=1e-4", "name= a=b "])
    assert told == {"epochs": 3, "by": None, "flag": True, "rate": "1e-4", "name": "a=b"}
    assert Wish.wish({"rate": told["rate"]}).rate == 1e-4


def test_an_override_without_an_equals_sign_is_refused() -> None:
    with pytest.raises(PupilaError, match="key=value"):
        parse_overrides(["epochs"])


def test_every_setting_is_described_with_its_default() -> None:
    assert Wish.describe() == [("epochs", "20", "passes over the data"), ("rate", "0.1", "per step")]


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Wish().epochs = 3
