"""The page on bundles elsewhere: each of its blocks runs as it stands, and gives the logits that Pupila gives."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import pupila
from pupila.artifacts.bundle.folder import MODEL_FILE, read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.session import Session
from pupila.imaging.images.preprocess import preprocess
from tests.conftest import REPOSITORY
from tests.peers import last_json, make_environment, run_peer
from tests.pictures import photo, scene, write_classes, write_scenes

PAGE = (REPOSITORY / "docs/reference/elsewhere.md").read_text()
SIDE = 32
SETTINGS: dict[str, Any] = {
    "weights": "none", "image_size": SIDE, "epochs": 1, "batch_size": 8, "augment": "none", "precision": "float32",
}  # fmt: skip
Logits = NDArray[Any]


def block(language: str, title: str) -> str:
    """The code of a section in one language; the second one of timm is "segmentation_models_pytorch"."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    (code,) = [code for code in blocks if title in code]
    return str(code)


def write_pictures(folder: Path, seed: int) -> Path:
    """A photo of any size, and one of the input's size in the forms that the page reads."""
    Image.fromarray(photo(seed, 96, 72)).save(folder / "large.png")
    pixels = photo(seed, SIDE, SIDE)
    Image.fromarray(pixels).save(folder / "photo.png")
    (folder / "photo.rgb").write_bytes(pixels.tobytes())
    (folder / "photo.rgba").write_bytes(np.dstack([pixels, np.full_like(pixels[..., :1], 255)]).tobytes())
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `bundle/`, trained on drawn photos, and pictures."""
    data = write_classes(tmp_path_factory.mktemp("pets"), {"cat": 10, "dog": 10, "emu": 10})
    pupila.split(data)
    folder = tmp_path_factory.mktemp("classifier")
    run = pupila.train(
        data, out=folder / "run", tell=lambda line: None, model="test_efficientnet", **SETTINGS
    )
    shutil.copytree(run.bundle.folder, folder / "bundle")
    return write_pictures(folder, 5)


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of masks."""
    data = write_scenes(tmp_path_factory.mktemp("floods"), 16)
    pupila.split(data)
    folder = tmp_path_factory.mktemp("segmenter")
    small = {"encoder": "test_efficientnet", "options": {"decoder_channels": [8, 8, 8, 8, 8]}, **SETTINGS}
    run = pupila.train(data, out=folder / "run", tell=lambda line: None, **small)
    shutil.copytree(run.bundle.folder, folder / "bundle")
    Image.fromarray(scene(3, SIDE, SIDE)[0]).save(folder / "photo.png")
    return folder


def logits(folder: Path, picture: str = "photo.png") -> Logits:
    """The logits of the bundle in the folder, by Pupila."""
    bundle = read_bundle(folder / "bundle")
    with Image.open(folder / picture) as image:
        pixels = preprocess(np.asarray(image.convert("RGB")), bundle.info.preprocessing)[None]
    return np.asarray(Session(bundle.read(MODEL_FILE)).run(pixels, outputs=["logits"])[0][0])


def predict(folder: Path, picture: bytes) -> Any:
    predictor = Predictor(read_bundle(folder / "bundle"))
    (prediction,) = predictor.predict_batch([predictor.preprocess(picture)])
    return prediction


def check(peer: str, theirs: Any, ours: Logits) -> None:
    difference = float(np.abs(np.asarray(theirs, np.float64).reshape(ours.shape) - ours).max())
    largest = float(np.abs(ours).max())
    print(f"{peer}: largest difference of a logit {difference:.1e}, largest logit {largest:.2g}")
    assert difference < 1e-4 * min(largest, 1)


def execute(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that a block of Python defines, run in the folder."""
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(compile(code, "elsewhere.md", "exec"), names)
    return names


def test_onnx_runtime_alone_predicts_what_pupila_does_from_the_metadata_of_the_file(
    classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundle").mkdir()  # without bundle.json
    shutil.copy(classifier / "bundle" / MODEL_FILE, tmp_path / "bundle")
    shutil.copy(classifier / "large.png", tmp_path / "photo.png")
    names = execute(tmp_path, block("python", "onnxruntime"), monkeypatch)
    check("ONNX Runtime", names["logits"], logits(classifier, "large.png"))
    prediction: Any = predict(classifier, (tmp_path / "photo.png").read_bytes())
    assert names["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-5)


def test_the_weights_load_into_timm(classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = execute(classifier, block("python", "import timm"), monkeypatch)["network"]
    check("timm", forward(network, classifier), logits(classifier))


@pytest.mark.slow
def test_the_weights_load_into_segmentation_models_pytorch(
    segmenter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = execute(segmenter, block("python", "segmentation_models_pytorch"), monkeypatch)["network"]
    check("segmentation_models_pytorch", forward(network, segmenter), logits(segmenter))


def forward(network: torch.nn.Module, folder: Path) -> Logits:
    spec = read_bundle(folder / "bundle").info.preprocessing
    with Image.open(folder / "photo.png") as image, torch.inference_mode():
        pixels = torch.from_numpy(preprocess(np.asarray(image.convert("RGB")), spec)[None])
        return np.asarray(network(pixels)[0].numpy())


@pytest.mark.slow
@pytest.mark.parametrize("version", ["==4.12.*", ">=5"])
def test_opencv_reads_classifiers_and_masks(
    version: str, classifier: Path, segmenter: Path, tmp_path: Path
) -> None:
    python = make_environment(tmp_path, f"opencv-python-headless{version}")
    for folder in (classifier, segmenter):
        printed = run_peer(folder, python, "-c", block("python", "cv2"))
        check(f"OpenCV {version}, {folder.name}", last_json(printed), logits(folder))


@pytest.mark.slow
def test_openvino_reads_classifiers_and_masks_in_python_and_cpp(
    classifier: Path, segmenter: Path, tmp_path: Path
) -> None:
    python = make_environment(tmp_path, "openvino", "pillow")
    for folder in (classifier, segmenter):
        printed = run_peer(folder, python, "-c", block("python", "openvino"))
        check(f"OpenVINO, {folder.name}", last_json(printed), logits(folder))
    if shutil.which("g++") is None:
        pytest.skip("there is no g++")
    (tmp_path / "predict.cpp").write_text(block("cpp", "openvino"))
    build = block("sh", "openvino").replace("python -c", f"{python} -c")
    run_peer(tmp_path, "bash", "-c", build)
    printed = run_peer(classifier, tmp_path / "predict")
    check("OpenVINO in C++", [float(line) for line in printed.split()], logits(classifier))


@pytest.mark.slow
def test_onnxruntime_web_reads_the_bundle_under_node(classifier: Path, tmp_path: Path) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node")
    install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--ignore-scripts", "onnxruntime-web"]
    (tmp_path / "package.json").write_text("{}")
    result = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"onnxruntime-web can't be installed: {result.stderr.strip()[-200:]}")
    (tmp_path / "predict.js").write_text(block("js", "onnxruntime-web"))
    for name in ("bundle", "photo.rgba"):
        (tmp_path / name).symlink_to(classifier / name)
    check("onnxruntime-web", json.loads(run_peer(tmp_path, "node", "predict.js")), logits(classifier))
