"""The Python face: names only, loaded on use; a base install predicts, and names the extra for all else."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pupila
from pupila.artifacts.web.background import BackgroundServer
from pupila.artifacts.web.limits import ConnectionLimits
from pupila.artifacts.web.local import run_local
from pupila.artifacts.web.run import run
from pupila.cli import write_api
from pupila.core.errors import PupilaError
from tests.colours import write_colours


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


# In a process where no library of an extra can be imported: what each function raises, and what predict says.
BASE = """
import json, sys
from urllib.request import urlopen
from pupila.core.extras import EXTRA_OF

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in EXTRA_OF:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import pupila
import numpy as np
calls = {
    "open": dict(data=sys.argv[2]), "doctor": dict(data=sys.argv[2]), "split": dict(data=sys.argv[2]),
    "explore": dict(data=sys.argv[2]), "convert": dict(data=sys.argv[2], to="coco", out="x"),
    "label": dict(data=sys.argv[2], with_="csv:x"), "train": dict(data=sys.argv[2]),
    "evaluate": dict(model=sys.argv[1], data=sys.argv[2]), "collect": dict(site="static", out="x"),
    "Client": dict(url="http://127.0.0.1:1"), "AsyncClient": dict(url="http://127.0.0.1:1"),
}
results = {}
for name, arguments in calls.items():
    try:
        getattr(pupila, name)(**arguments)
    except Exception as fault:
        results[name] = [type(fault).__name__, str(fault)]
predictions = pupila.predict(sys.argv[1], np.full((8, 8, 3), (200, 0, 0), np.uint8))
results["predict"] = [repr(predictions), predictions[0].prediction]
predictions[0].plot(), predictions._repr_html_(), predictions.show()
with pupila.serve(sys.argv[1]) as service, urlopen(service.url + "/health") as response:
    results["serve"] = json.load(response)["status"]
print("RESULTS" + json.dumps(results))
"""


def test_a_base_install_predicts_and_names_the_extra_for_all_else(tmp_path: Path) -> None:
    bundle = write_colours(tmp_path / "bundle")
    command = [sys.executable, "-W", "error", "-c", BASE, bundle.folder, str(tmp_path)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    results = json.loads(finished.stdout.rpartition("RESULTS")[2])
    assert (results.pop("predict")[1], results.pop("serve")) == ("red", "ok")
    assert len(results) == 11
    for name, (kind, text) in results.items():
        assert kind == "MissingExtra", (name, kind, text)
        assert "pupila[" in text or "[data]" in text or "[client]" in text, text


def test_every_function_beside_the_face_is_shown_with_the_import_that_works() -> None:
    shown = write_api.SECTIONS["Beside the face"]
    text = write_api.text()
    for path in shown:
        module, _, name = path.rpartition(".")
        assert f"```python\nfrom pupila.{module} import {name}\n" in text
        assert callable(getattr(importlib.import_module(f"pupila.{module}"), name))
    assert len(shown) > 5


@pytest.mark.parametrize("port", [99_999, -1, True, "80"])
def test_what_is_no_port_is_refused_wherever_pupila_listens(port: Any) -> None:
    app: Any = None
    for listen in (
        lambda: BackgroundServer(app, "127.0.0.1", port),
        lambda: run_local(lambda stop: app, port, lambda url: None),
        lambda: run(app, "127.0.0.1", port, lambda _: None, ConnectionLimits()),
    ):
        with pytest.raises(PupilaError, match=r"expected a port from 0 to 65535"):
            listen()
