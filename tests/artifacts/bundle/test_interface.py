"""Whether the ONNX files belong to `bundle.json`: forged bundles are refused, whoever renewed their hashes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from pupila.artifacts.bundle import runtime
from pupila.artifacts.bundle.folder import Bundle, read_bundle
from pupila.artifacts.bundle.memory import limit_growth
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.prompter import Prompter
from pupila.core.errors import PupilaError
from pupila.tasks.task import PostProcessing
from pupila.tasks.tuning.prompt import OBJECT_NAME
from tests.artifacts.bundle.sealed import edit_file, edit_info, read_fields
from tests.colours import CLASSES, colour_model, painted_model, write_pointing

ROOT = Path(__file__).parents[3]


def described(**metadata: object) -> bytes:
    """The model with metadata, as the export writes it."""
    model = onnx.load_model_from_string(colour_model())
    helper.set_model_props(model, {name: json.dumps(value) for name, value in metadata.items()})
    return bytes(model.SerializeToString())


def without_names(home: Path) -> Path:
    """A bundle from before golden predictions had class names."""
    golden = {name: [row[0] for row in rows.values()] for name, rows in read_fields(home)["golden"].items()}
    return edit_info(home, golden=golden)


def reverse_outputs(content: bytes) -> bytes:
    model = onnx.load_model_from_string(content)
    outputs = list(model.graph.output)[::-1]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("forge", "says"),
    [
        (lambda home: edit_file(home, "model.onnx", reverse_outputs(colour_model())), "'logits' first"),
        (lambda home: edit_file(home, "model.onnx", colour_model(classes=2)), r"logits of 2 float32; expected 3"),
        (lambda home: edit_file(home, "model.onnx", painted_model()), r"logits of 3 x 8 x 8 float32; expected 3"),
        (lambda home: edit_info(home, task="segment"), r"logits of 3 float32; expected 3 numbers for each pixel"),
        (lambda home: edit_file(home, "model.onnx", colour_model(1.1)), "predictions on this machine differ"),
        (lambda home: edit_file(home, "model.onnx", described(classes=["a", "b", "c"])), "disagree about 'classes'"),
        (lambda home: edit_file(home, "model.onnx", described(task="segment")), "disagree about 'task'"),
        (lambda home: edit_file(home, "golden/deep.png", b"x"), "Can't read the golden image deep.png"),
        (lambda home: edit_info(home, golden={"deep.png": [1.0]}), "1 numbers for deep.png; expected 3"),
        (lambda home: edit_info(home, golden={"deep.png": [1.0] * 99}), "99 numbers for deep.png; expected 3"),
    ],
)  # fmt: skip
def test_a_forged_bundle_is_refused(home: Path, forge: Callable[[Path], Path], says: str) -> None:
    with pytest.raises(PupilaError, match=says):
        Predictor(read_bundle(forge(home)))


@pytest.mark.parametrize(
    ("precision", "remedy"), [("int8", "compress its parent"), ("float32", "library versions")]
)
def test_a_prediction_that_differs_names_the_processor_then_and_now(
    home: Path, monkeypatch: pytest.MonkeyPatch, precision: str, remedy: str
) -> None:
    monkeypatch.setattr(runtime, "_read_flags", lambda: {"avx2"})
    then = {"cpu_features": ["AVX2", "AVX512_VNNI"], "onnxruntime": "1.30.0"}
    edit_info(home, runtime=then, precision={**read_fields(home)["precision"], "onnx": precision})
    Predictor(read_bundle(home))  # another processor that computes the same
    golden = read_fields(home)["golden"]
    golden["deep.png"]["red"][0] += 0.01
    edit_info(home, golden=golden)
    with pytest.raises(
        PupilaError,
        match=r"difference of 0.0\d+ for deep.png on AVX2 with ONNX Runtime \S+; expected at most 1e-03 on AVX2, "
        rf"AVX512_VNNI with ONNX Runtime 1.30.0.\n.*{remedy}",
    ):
        Predictor(read_bundle(home))


def test_swapped_classes_are_found_in_a_bundle_without_names_by_the_models_metadata(home: Path) -> None:
    edit_file(without_names(home), "model.onnx", described(task="classify", classes=CLASSES))
    Predictor(read_bundle(home))
    bundle = read_bundle(edit_info(home, classes=["green", "red", "blue"]))
    with pytest.raises(
        PupilaError, match=r"found .*'red', 'green', 'blue'.*expected .*'green', 'red', 'blue'"
    ):
        Predictor(bundle)


def test_metadata_that_is_no_json_is_refused(home: Path) -> None:
    model = onnx.load_model_from_string(colour_model())
    helper.set_model_props(model, {"classes": "[" * 9000})
    with pytest.raises(PupilaError, match="Can't read the metadata"):
        Predictor(read_bundle(edit_file(home, "model.onnx", bytes(model.SerializeToString()))))


SCRIPT = """
import resource, sys
from pupila.artifacts.bundle import memory
from pupila.artifacts.bundle.folder import read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.prompter import Prompter
from pupila.core.errors import PupilaError
memory._FLOOR, memory._A_CORE = 2**29, 0
limits = resource.getrlimit(resource.RLIMIT_AS)
try:
    Predictor(read_bundle(sys.argv[1]))
except PupilaError as fault:
    print(fault)
assert resource.getrlimit(resource.RLIMIT_AS) == limits
# Not ru_maxrss, which a process inherits from the one that started it.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_product_of_two_small_tensors_does_not_fill_the_memory(home: Path) -> None:
    """20,000 x 20,000 of float32: 1.6 GB from two tensors of 80 kB."""
    model = onnx.load_model_from_string(colour_model())
    column = np.zeros((20_000, 1), np.float32)
    model.graph.initializer.extend(
        [numpy_helper.from_array(column, "a"), numpy_helper.from_array(column.T, "b")]
    )
    model.graph.node[-1].output[0] = "plain"
    model.graph.node.extend([
        helper.make_node("Mul", ["a", "b"], ["large"]), helper.make_node("ReduceSum", ["large"], ["sum"], keepdims=0),
        helper.make_node("Add", ["plain", "sum"], ["logits"]),
    ])  # fmt: skip
    edit_file(home, "model.onnx", bytes(model.SerializeToString()))
    command = [sys.executable, "-c", SCRIPT, str(home)]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "The model can't be run" in printed
    assert int(printed.split()[-1]) < 600_000  # kB


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_the_limit_is_gone_afterwards_also_after_an_error(written: Bundle) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(KeyError), limit_growth(100):
        raise KeyError
    Predictor(written)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_the_tuned_threshold_of_a_promptable_bundle_names_no_class_of_the_data(tmp_path: Path) -> None:
    tuned = PostProcessing(positive=OBJECT_NAME, threshold=0.35, objective="iou")
    bundle = write_pointing(tmp_path / "bundle", post_processing=tuned)
    Prompter(read_bundle(bundle.folder))
    for level in (0.0, 1.0):  # whose logarithms are not finite
        fields = read_fields(tmp_path / "bundle")["post_processing"] | {"threshold": level}
        with pytest.raises(PupilaError, match=rf"post_processing.threshold: {level:g} is not within"):
            read_bundle(edit_info(tmp_path / "bundle", post_processing=fields))
