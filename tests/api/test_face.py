"""The Python face: names only, loaded on use, and functions win over the rooms of the same name."""

import subprocess
import sys

import pytest

import pupila


def test_the_functions_stay_functions_when_their_rooms_are_loaded() -> None:
    import pupila.stages.doctor.examine
    import pupila.stages.explore.page
    import pupila.stages.split.make

    assert all(callable(getattr(pupila, name)) for name in pupila.__all__ if name != "__version__")
    assert set(pupila.__all__) <= set(dir(pupila))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="trian"):
        getattr(pupila, "trian")  # noqa: B009


HEAVY = ("torch", "onnxruntime", "polars", "numpy", "pydantic", "scipy", "matplotlib", "fastapi")


@pytest.mark.parametrize(
    ("code", "allowed"),
    [("import pupila", ()), ("from pupila.cli.run import run; run(['--help'])", ())],
    ids=["import", "help"],
)
def test_nothing_heavy_is_loaded_before_it_is_used(code: str, allowed: tuple[str, ...]) -> None:
    output = f"{code}\nimport sys\nprint('LOADED', [n for n in {HEAVY} if n in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", output], capture_output=True, text=True, check=True)
    loaded = eval(finished.stdout.rpartition("LOADED")[2])
    assert set(loaded) <= set(allowed)
