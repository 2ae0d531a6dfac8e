"""Names that fit every system, and references that name a version."""

import shlex

import pytest

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.registry.names import (
    Reference,
    add_registry,
    check_alias,
    check_name,
    is_reference,
    parse_reference,
    write_command,
    write_name,
)
from pupila.artifacts.registry.registry import Registry
from pupila.core.errors import PupilaError

BAD = ["", ".", "..", "../up", "a/b", "a\\b", "/root", "-flag", ".hidden", "end.", "a b", "a@b", "a#b", "a:b", "a\nb",
       "x" * 65, "CON", "nul.txt", "a\u202eb", "a\x00b", "_", "%2e%2e", "~"]  # fmt: skip


@pytest.mark.parametrize("name", BAD, ids=range(len(BAD)))
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    for check in (check_name, check_alias):
        with pytest.raises(PupilaError, match="Invalid"):
            check(name)


@pytest.mark.parametrize("name", ["octagons", "A", "v1.2", "flood_area-2", "octágonos", "八角形", "x" * 64])
def test_names_of_any_script_are_taken(name: str) -> None:
    assert check_name(name) == check_alias(name) == name


def test_composed_and_decomposed_letters_are_one_name() -> None:
    assert check_name("octa\u0301gonos") == "oct\xe1gonos"


def test_an_alias_is_no_number() -> None:
    for alias in ("3", "003", "²", "٣"):
        with pytest.raises(PupilaError, match="Invalid alias"):
            check_alias(alias)


def test_a_name_that_differs_in_case_or_form_only_is_refused(
    registry: Registry, bundles: list[Bundle]
) -> None:
    registry.add(bundles[0], "octagons")
    registry.add(bundles[0], "straße")
    for name in ("Octagons", "OCTAGONS", "octa\uff47ons", "STRASSE"):
        with pytest.raises(PupilaError, match="can be confused with another one"):
            registry.add(bundles[0], name)
    assert registry.names() == ["octagons", "straße"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("registry:octagons", Reference("registry", "octagons", "production")),
        ("registry:octagons@3", Reference("registry", "octagons", "3")),
        ("registry:octagons@003", Reference("registry", "octagons", "3")),
        ("registry:octagons@staging", Reference("registry", "octagons", "staging")),
        ("octagons@3", Reference("registry", "octagons", "3")),
        ("registry:s3://shop/models/#octagons@3", Reference("s3://shop/models", "octagons", "3")),
        ("registry:/srv/a#b/registry#octagons", Reference("/srv/a#b/registry", "octagons", "production")),
    ],
)
def test_a_reference_has_a_registry_a_name_and_a_version(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected
    assert parse_reference(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["registry:", "registry:@3", "registry:a@", "registry:a@b@c", "registry:../a", "a@٣"]
)
def test_an_invalid_reference_is_refused(text: str) -> None:
    with pytest.raises(PupilaError, match="Invalid"):
        parse_reference(text)


def test_the_environment_and_the_flag_name_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUPILA_REGISTRY", "s3://shop/models/")
    assert parse_reference("registry:octagons").registry == "s3://shop/models"
    assert add_registry("registry:octagons@3", "/srv/r/") == "registry:/srv/r#octagons@3"
    assert add_registry("registry:x#octagons@3", "/srv/r") == "registry:x#octagons@3"
    assert add_registry("runs/first", "/srv/r") == "runs/first"
    assert add_registry("registry:octagons@3", None) == "registry:octagons@3"
    assert is_reference("registry:a") and not is_reference("runs/registry:a") and not is_reference(None)


def test_commands_name_the_registry_as_a_shell_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUPILA_REGISTRY", "models")
    assert write_command("models", "log", "octagons") == "pupila registry log octagons"
    assert (
        write_command("my models", "log", "octagons") == "pupila registry log octagons --registry 'my models'"
    )
    assert write_name("models", "octagons", "3") == "registry:octagons@3"
    (word,) = shlex.split(write_name("my models", "octagons", "3"))
    assert parse_reference(word) == Reference("my models", "octagons", "3")
