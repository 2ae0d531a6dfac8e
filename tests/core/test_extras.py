"""Libraries of extras: every one is in the table, and its lack names the extra."""

import importlib
import tomllib

import pytest

from pupila.core.errors import MissingExtra
from pupila.core.extras import EXTRA_OF, public
from tests.architecture.house import LOADED_BY_OTHERS, MODULE_OF
from tests.conftest import REPOSITORY

MISSPELT = "polarbears"


def requirements() -> dict[str, list[str]]:
    """Extra -> the modules that it brings itself."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = {}
    for extra, lines in project["optional-dependencies"].items():
        names = [line.partition(">")[0].partition("[")[0] for line in lines]
        extras[extra] = [MODULE_OF.get(name, name) for name in names if name != "pupila"]
    return extras


def test_every_library_of_an_extra_is_known_with_an_extra_that_brings_it() -> None:
    extras = requirements()
    checked = 0
    for module in {module for modules in extras.values() for module in modules}:
        assert module in EXTRA_OF or module in LOADED_BY_OTHERS, module
        assert module not in EXTRA_OF or module in extras[EXTRA_OF[module]], module
        checked += 1
    assert checked > 20


def test_a_function_that_lacks_a_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    @public
    def load(name: str) -> object:
        return importlib.import_module(name)

    monkeypatch.setitem(EXTRA_OF, MISSPELT, "data")
    with pytest.raises(MissingExtra, match=r"pip install 'pupila\[data\]'"):
        load(f"{MISSPELT}.frame")
    assert load.__name__ == "load"


def test_a_module_that_no_extra_brings_stays_what_it_is() -> None:
    @public
    def load() -> None:
        importlib.import_module("no_such_module_anywhere")

    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        load()
