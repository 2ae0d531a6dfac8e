"""int8 beside that of NNCF, from the same calibration images of real photos."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

import pupila
from pupila.artifacts.bundle.outputs import LOGITS
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.session import Session
from pupila.core import files
from pupila.imaging.images.decode import Array
from pupila.stages.compress.calibration import choose_images
from pupila.stages.compress.int8 import quantise
from pupila.statistics.tests import SIGNIFICANT, mcnemar


@pytest.mark.slow
def test_nncf_is_not_better_with_the_same_calibration_images(
    real_data: Callable[[str], Path], real_weights: Callable[[str], Path], tmp_path: Path
) -> None:
    nncf = pytest.importorskip("nncf", reason="needs NNCF: pip install nncf")
    folder = Path(shutil.copytree(real_data("ants_bees"), tmp_path / "insects"))
    splits = pupila.split(folder)
    weights = real_weights("mobilenetv2_100.safetensors")
    run = pupila.train(folder, weights=str(weights), unfreeze=0, out=tmp_path / "run", tell=lambda line: None)
    data, predictor = pupila.open(folder), Predictor(run.bundle)
    inputs = list(choose_images(data, splits, 100).inputs(predictor))
    model = run.bundle.read("model.onnx")
    theirs = nncf.quantize(
        onnx.load_model_from_string(model),
        nncf.Dataset([{"pixels": pixels} for pixels in inputs]),
        subset_size=len(inputs),
    )
    rows = [row for row, image in enumerate(splits.images) if image.split != "train"]
    images = [predictor.preprocess(files.read_bytes(data.path(row))).inputs for row in rows]
    targets = np.array([data.classes.index(data.images["target"][row]) for row in rows])

    def is_right(content: bytes) -> Array:
        session = Session(content)
        logits = np.concatenate([session.run(pixels, outputs=[LOGITS])[0] for pixels in images])
        return np.asarray(logits.argmax(axis=1) == targets)

    ours, other = is_right(quantise(model, inputs, True, False)), is_right(theirs.SerializeToString())
    assert ours.mean() > 0.9
    p_value = mcnemar(int((ours & ~other).sum()), int((other & ~ours).sum()))
    assert p_value > SIGNIFICANT or ours.mean() > other.mean()
