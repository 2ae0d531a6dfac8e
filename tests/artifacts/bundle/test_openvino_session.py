"""OpenVINO against ONNX Runtime: networks with drawn weights, several threads, and what is refused."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from pupila.artifacts.bundle import openvino_session
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.interface import open_sessions
from pupila.artifacts.bundle.openvino_session import OpenVinoSession, openvino_version
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.prompter import Prompter
from pupila.artifacts.bundle.runtimes import ONNX_RUNTIME, OPENVINO, InferenceRuntime
from pupila.artifacts.bundle.session import Session
from pupila.core.errors import MissingExtra, PupilaError
from pupila.imaging.images.decode import Array
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings, ModelSettings
from pupila.tasks.prompt import Prompt
from tests.colours import SIDE, colour_model, write_colours, write_pointing
from tests.pictures import encoded, photo
from tests.untrained import draw_network, write_network

if find_spec("openvino") is None:
    pytest.skip("openvino is not installed", allow_module_level=True)
openvino = openvino_session._import_openvino()  # a plain import would report itself to its maker
ROOT = Path(__file__).parents[3]
PHOTO = encoded(photo(3, 90, 70), "JPEG")
NETWORKS: dict[str, tuple[str, ModelSettings, int]] = {
    "classify": ("classify", ClassifierSettings(weights="none", model="test_efficientnet"), 32),
    "segment": ("segment", EncoderSettings(weights="none", model="unet", encoder="test_efficientnet"), 32),
}


def pixels(count: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random((count, 3, SIDE, SIDE), dtype=np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_drawn_network_predicts_the_same_on_both_runtimes(tmp_path: Path, name: str) -> None:
    task, settings, side = NETWORKS[name]
    bundle = write_network(tmp_path / "bundle", draw_network(task, settings, side))
    ours, theirs = Predictor(bundle, runtime=OPENVINO), Predictor(bundle)
    assert isinstance(ours.session, OpenVinoSession) and isinstance(ours.all_cores_session, OpenVinoSession)
    image = ours.preprocess(PHOTO)
    stacked = np.concatenate([image.inputs[:1]] * 3)
    for all_cores in (False, True):
        expected = theirs.logits(stacked, all_cores)
        assert ours.logits(stacked, all_cores) == pytest.approx(
            expected, abs=1e-4 * float(np.abs(expected).max())
        )


def test_prompts_get_the_same_masks_on_both_runtimes(tmp_path: Path) -> None:
    bundle = write_pointing(tmp_path / "bundle")
    prompt = Prompt(points=((20, 30), (50, 40)))
    masks = []
    for runtime in (ONNX_RUNTIME, OPENVINO):
        prompter = Prompter(bundle, runtime=runtime)
        masks.append(prompter.decode(prompter.encode(prompter.preprocess(PHOTO)), prompt).masks)
    assert masks[1] == pytest.approx(masks[0], abs=1e-4)


def test_outputs_are_selected_by_name_and_outlive_the_next_run() -> None:
    session, reference = OpenVinoSession(colour_model(), 1), Session(colour_model(), 1)
    assert (session.inputs, set(session.outputs)) == (reference.inputs, set(reference.outputs))
    first = session.run(pixels(2), outputs=["embedding", "logits"])
    before = [array.copy() for array in first]
    session.run(pixels(2, seed=1))
    for own, same, other in zip(
        first, before, reference.run(pixels(2), outputs=["embedding", "logits"]), strict=True
    ):
        assert np.array_equal(own, same)
        assert own == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("threads", [1, None])
def test_many_threads_get_the_results_of_their_own_inputs(threads: int | None) -> None:
    session, reference = OpenVinoSession(colour_model(), threads), Session(colour_model(), 1)
    inputs = [pixels(1 + seed % 3, seed) for seed in range(200)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda given: session.run(given, outputs=["logits"])[0], inputs))
    for own, given in zip(results, inputs, strict=True):
        assert own == pytest.approx(reference.run(given, outputs=["logits"])[0], abs=1e-6)


def test_the_arithmetic_is_float32_and_the_threads_are_those_that_were_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openvino_session, "CORES", 4)
    given: list[dict[str, object]] = []
    compile_model = openvino.Core.compile_model

    def note(core: object, model: object, device: str, options: dict[str, object]) -> object:
        given.append(options)
        return compile_model(core, model, device, options)

    monkeypatch.setattr(openvino.Core, "compile_model", note)
    for threads in (1, 2, 3, 8, None):
        compiled = OpenVinoSession(colour_model(), threads)._model
        assert compiled.get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32
    assert [(each["NUM_STREAMS"], each["INFERENCE_NUM_THREADS"]) for each in given] == [
        (4, 4), (2, 4), (1, 3), (1, 8), (1, 4)
    ]  # fmt: skip


def test_what_it_can_not_run_is_refused() -> None:
    session = OpenVinoSession(colour_model(), 1)
    with pytest.raises(PupilaError, match="takes other inputs: found 1 input: pixels; expected 2 inputs"):
        session.run(pixels(1), pixels(1))
    with pytest.raises(PupilaError, match="The model can't be run"):
        session.run(np.zeros((1, 2, SIDE, SIDE), np.float32))
    session.run(pixels(1))
    with pytest.raises(PupilaError, match="Can't read the model"):
        OpenVinoSession(b"x")
    with pytest.raises(PupilaError, match="OpenVINO can't read the model"):
        OpenVinoSession(b"")


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r"extra 'openvino'.*\n.*install"):
        Predictor(write_colours(tmp_path / "bundle"), runtime=OPENVINO)
    monkeypatch.setattr(openvino_session, "_LIBRARY", "no-such-library")
    with pytest.raises(MissingExtra):
        openvino_version()


def test_it_reports_nothing_to_its_maker() -> None:
    script = """
import sys
from pupila.artifacts.bundle.openvino_session import OpenVinoSession
from pupila.core.errors import PupilaError
assert "openvino" not in sys.modules
try:
    OpenVinoSession(b"x")
except PupilaError:
    pass
assert "openvino" in sys.modules
print([name for name in sys.modules if name.startswith("openvino_telemetry") and sys.modules[name]])
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


class Off(Session):
    """A runtime that adds to the first logit."""

    by = 0.5

    def run(self, *inputs: Array, outputs: list[str] | None = None, bounded: bool = False) -> list[Array]:
        first, *others = super().run(*inputs, outputs=outputs, bounded=bounded)
        return [first + np.float32(self.by), *others]


class NotFinite(Off):
    by = float("nan")


@pytest.mark.parametrize(("session", "difference"), [(Off, None), (NotFinite, "nan")])
def test_a_runtime_that_predicts_otherwise_is_refused_with_the_largest_difference(
    written: Bundle, session: type[Session], difference: str | None
) -> None:
    # By hand: 0.5 over the largest logit of the image whose logits are smallest.
    largest = [
        np.abs([*rows.values()]).max() for rows in written.info.golden.values() if isinstance(rows, dict)
    ]
    difference = difference or f"{0.5 / min(largest):.2g}"
    with pytest.raises(PupilaError, match="Stub predicts otherwise than ONNX Runtime") as refused:
        open_sessions(written, 1, InferenceRuntime("Stub", session, lambda: "1"))
    assert f"a relative difference of {difference} for" in str(refused.value)
    assert "expected at most 1e-03" in str(refused.value)
