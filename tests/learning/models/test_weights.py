"""Weights: all tensors of the file or none, with the preprocessing of the JSON file beside it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import load_file, save_file

from pupila.core.errors import PupilaError
from pupila.learning.models.classify import build_classifier as build
from pupila.learning.models.network import Network
from pupila.learning.models.prompt import build_promptable
from pupila.learning.models.segment import build_segmenter
from pupila.learning.models.settings import ClassifierSettings, EncoderSettings
from pupila.learning.models.weights import find_local_weights, hash_module, load_weights, read_weights_info

Find = Callable[[str], Path]
TINY, ENCODER = "test_resnet", "test_efficientnet"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole classifier of three classes in a file, and the JSON beside it."""
    import timm

    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(timm.create_model(TINY, num_classes=3).state_dict(), path)
    report = {"model": TINY, "options": {"num_classes": 3}, "image_size": 48, "mean": [0.1, 0.2, 0.3],
            "std": [0.4, 0.5, 0.6], "classes": ["ant", "bee", "cow"]}  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(report))
    return path


def prediction(network: Network, pixels: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = network.head(network.encoder.eval()(pixels))
    return logits


def test_a_json_file_gives_model_preprocessing_and_classes(tiny: Path) -> None:
    network = build(ClassifierSettings(weights=str(tiny)), None)
    spec = network.preprocessing
    assert (network.name, spec.height, spec.width) == (TINY, 48, 48)
    assert (spec.mean, spec.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert network.classes == ("ant", "bee", "cow")
    assert (network.weights.source, network.pretrained) == ("file: tiny.safetensors", True)
    assert build(ClassifierSettings(weights=str(tiny)), None, image_size=64).preprocessing.height == 64


def test_the_pretrained_head_predicts_as_in_the_file(tiny: Path) -> None:
    import timm

    whole = timm.create_model(TINY, num_classes=3).eval()
    whole.load_state_dict(load_file(tiny))
    pixels = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(
            prediction(build(ClassifierSettings(weights=str(tiny)), None), pixels), whole(pixels), atol=1e-6
        )


def test_a_new_head_leaves_the_encoder_as_it_was(tiny: Path) -> None:
    cached, fresh = (build(ClassifierSettings(weights=str(tiny)), classes) for classes in (None, 5))
    assert cached.weights_hash == fresh.weights_hash
    assert prediction(fresh, torch.zeros(1, 3, 48, 48)).shape == (1, 5)
    assert fresh.classes == ()


def test_tensors_that_do_not_match_are_counted_and_named(tiny: Path, tmp_path: Path) -> None:
    tensors = load_file(tiny)
    del tensors["fc.bias"]
    tensors |= {"fc.weight": torch.zeros(4, 2), "neck.weight": torch.zeros(1), "neck.bias": torch.zeros(1)}
    odd = tmp_path / "odd.safetensors"
    save_file(tensors, odd)
    settings = ClassifierSettings(model=TINY, weights=str(odd), options={"num_classes": 3})
    with pytest.raises(PupilaError, match="do not match the model") as fault:
        build(settings, 3)
    assert "1 missing: fc.bias" in fault.value.actual
    assert "2 unexpected: neck.bias, neck.weight" in fault.value.actual
    assert "1 of another shape: fc.weight (4, 2) for (3, 96)" in fault.value.actual


def test_a_hash_knows_what_no_tensor_shows() -> None:
    module = torch.nn.Linear(2, 2)
    report = [("a", {}), ("b", {}), ("a", {"pad_type": "same"}), ("a", {"pad_type": ""})]
    assert len({hash_module(module, name, options) for name, options in report}) == 4


def test_no_tensor_is_loaded_if_one_does_not_match() -> None:
    module = torch.nn.Linear(2, 2)
    before = hash_module(module, "linear", {})
    with pytest.raises(PupilaError):
        load_weights(module, {"weight": torch.zeros(2, 2)}, "half.safetensors")
    assert hash_module(module, "linear", {}) == before


@pytest.mark.parametrize(("name", "content", "message"), [
    ("gone", None, "gone.safetensors do not exist"),
    ("text", b"not a tensor", "Can't read the weights"),
    ("short", b"\xff\x00\x00\x00\x00\x00\x00\x00{}", "Can't read the weights"),
])  # fmt: skip
def test_a_file_that_is_not_there_or_damaged_is_refused(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PupilaError, match=message):
        build(ClassifierSettings(model=TINY, weights=str(path)), 3)


@pytest.mark.parametrize("text", ['{"mean": [0.5]}', '{"part": "wing"}', "[1]", "{"])
def test_a_bad_json_beside_the_weights_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text(text)
    with pytest.raises(PupilaError, match=r"w\.json"):
        read_weights_info(str(tmp_path / "w.safetensors"))


def test_unknown_keys_beside_the_weights_are_refused_and_side_is_ignored(tmp_path: Path) -> None:
    beside, weights = tmp_path / "w.json", str(tmp_path / "w.safetensors")
    beside.write_text('{"side": 96, "image_size": 64, "license": "MIT", "source": "us"}')
    assert read_weights_info(weights).image_size == 64
    beside.write_text('{"image_sise": 64}')
    with pytest.raises(PupilaError, match=r"has the unknown key image_sise. Did you mean image_size\?"):
        read_weights_info(weights)


def test_our_own_nets_take_no_file(tiny: Path) -> None:
    with pytest.raises(PupilaError, match="lenet has no pretrained weights"):
        build(ClassifierSettings(model="lenet", weights=str(tiny)), 3)


def test_without_a_network_the_default_weights_are_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        PupilaError, match="Can't download the weights of test_resnet: no connection to the hub"
    ) as fault:
        build(ClassifierSettings(model=TINY), 3)
    assert "--weights FILE.safetensors" in fault.value.remedy


def test_weights_for_another_model_name_both(tiny: Path) -> None:
    says = (
        r"^tiny.safetensors is made for test_resnet, not mobilenetv2_100 \(its JSON file sets num_classes\)$"
    )
    with pytest.raises(PupilaError) as fault:
        build(ClassifierSettings(model="mobilenetv2_100", weights=str(tiny)), 3)
    assert re.match(says, fault.value.problem)
    assert fault.value.remedy == "use the model of the file, test_resnet"


def test_a_file_of_another_kind_is_no_weights(tmp_path: Path) -> None:
    (tmp_path / "SOURCE.md").write_text("# Where from")
    with pytest.raises(PupilaError, match=r"SOURCE.md is not a .safetensors file"):
        build(ClassifierSettings(model=TINY, weights=str(tmp_path / "SOURCE.md")), 3)


def test_the_real_classifier_brings_its_options_and_its_thousand_names(real_weights: Find) -> None:
    network = build(ClassifierSettings(weights=str(real_weights("mobilenetv2_100.safetensors"))), None)
    spec = network.preprocessing
    assert (spec.height, spec.mean, spec.std) == (224, (0.5,) * 3, (0.5,) * 3)
    # From timm, as the file does not set them.
    assert (spec.interpolation, spec.fit, spec.crop_share) == ("bicubic", "crop", 0.875)
    assert len(network.classes) == 1000
    assert "goldfish" in network.classes[1]
    padded = [type(part).__name__ for part in network.encoder.modules()]
    assert "Conv2dSame" in padded  # pad_type=same, from the JSON


def test_the_real_encoder_has_no_classifier_and_gives_its_last_map(real_weights: Find) -> None:
    settings = ClassifierSettings(weights=str(real_weights("tf_efficientnet_b0_encoder.safetensors")))
    network = build(settings, 3)
    assert (network.name, network.size, network.preprocessing.height) == ("tf_efficientnet_b0", 320, 320)
    assert network.preprocessing.std == (0.229, 0.224, 0.225)
    assert prediction(network, torch.zeros(2, 3, 64, 64)).shape == (2, 3)
    with pytest.raises(PupilaError, match="These weights have no classification head"):
        build(settings, None)


@pytest.fixture
def weights_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder PUPILA_WEIGHTS: a classifier under another name, an encoder, and files for nobody."""
    import timm

    save_file(timm.create_model(TINY, num_classes=4).state_dict(), tmp_path / "mine.safetensors")
    (tmp_path / "mine.json").write_text(
        json.dumps({"model": TINY, "options": {"num_classes": 4}, "image_size": 48, "license": "MIT"})
    )
    encoder = timm.create_model(ENCODER, features_only=True)
    save_file(encoder.state_dict(), tmp_path / "enc.safetensors")
    (tmp_path / "enc.json").write_text(json.dumps({"model": ENCODER, "part": "encoder"}))
    (tmp_path / "broken.json").write_text("{")
    for name in ("broken", "lone"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"")
    monkeypatch.setenv("PUPILA_WEIGHTS", str(tmp_path))
    return tmp_path


def test_default_weights_are_searched_by_name_in_the_folder_of_weights(weights_folder: Path) -> None:
    network = build(ClassifierSettings(model=TINY), 3)
    assert network.weights_file == str(weights_folder / "mine.safetensors")
    assert (network.weights.source, network.weights.license) == ("file: mine.safetensors", "MIT")
    assert network.preprocessing.height == 48
    tensors = load_file(weights_folder / "mine.safetensors")
    loaded = network.encoder.state_dict()
    assert torch.equal(loaded["model.layer1.0.conv1.weight"], tensors["layer1.0.conv1.weight"])
    for model in ("unet", "pupila-sam"):
        builder = build_segmenter if model == "unet" else build_promptable
        network = builder(EncoderSettings(model=model, encoder=ENCODER), 3, 64)
        assert network.weights_file == str(weights_folder / "enc.safetensors")


def test_the_folder_of_weights_is_not_searched_for_what_it_can_t_give(weights_folder: Path) -> None:
    assert find_local_weights("none", TINY) == ""
    assert find_local_weights("default", "resnet18") == ""
    assert find_local_weights("default", ENCODER, whole=True) == ""  # an encoder has no head
    assert find_local_weights("default", TINY, whole=True) == str(weights_folder / "mine.safetensors")
    (weights_folder / f"{TINY}.safetensors").write_bytes(b"")
    (weights_folder / f"{TINY}.json").write_text(json.dumps({"model": TINY}))
    assert find_local_weights("default", TINY) == str(
        weights_folder / f"{TINY}.safetensors"
    )  # its name first


def test_without_the_folder_of_weights_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "/no/such/folder"):
        monkeypatch.setenv("PUPILA_WEIGHTS", value)
        assert find_local_weights("default", TINY) == ""


@pytest.mark.parametrize("text", ["", "[]", "5", '{"model": "resnet18", "std": [0, 1, 1]}', '{"mean": [NaN, 1, 1]}',
                                  '{"image_size": -5}', "[" * 5000, '{"model": "\xe9'])  # fmt: skip
def test_a_broken_description_of_the_wanted_weights_is_an_error_and_one_of_others_is_passed_over(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUPILA_WEIGHTS", str(tmp_path))
    for name in ("resnet18", "other"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"")
        (tmp_path / f"{name}.json").write_text(text, encoding="latin-1")
        if name == "resnet18":
            with pytest.raises(PupilaError, match=r"Can't read .*resnet18\.json"):
                find_local_weights("default", "resnet18")
        (tmp_path / "resnet18.json").unlink(missing_ok=True)
    assert find_local_weights("default", "resnet18") == ""
