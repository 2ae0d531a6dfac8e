"""The preprocessing that the weights of a classifier were made for, against that of timm."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
from PIL import Image
from safetensors.torch import save_file

from pupila.imaging.images.preprocess import preprocess
from pupila.learning.models.classify import build_classifier as build
from pupila.learning.models.settings import ClassifierSettings
from tests.pictures import photo

TINY = "test_resnet"


@pytest.mark.parametrize("mode", ["center", "squash", "border"])
def test_the_file_says_how_its_weights_saw_images(tmp_path: Path, mode: str) -> None:
    save_file(timm.create_model(TINY).state_dict(), tmp_path / "own.safetensors")
    stated = {"model": TINY, "crop_pct": 0.8, "crop_mode": mode, "interpolation": "lanczos"}
    (tmp_path / "own.json").write_text(json.dumps(stated))
    spec = build(ClassifierSettings(weights=str(tmp_path / "own.safetensors")), 3).preprocessing
    fit = {"center": "crop", "squash": "squash", "border": "pad"}[mode]
    assert (spec.fit, spec.interpolation) == (fit, "lanczos")
    assert spec.crop_share == (0.8 if mode == "center" else 1.0)


@pytest.mark.parametrize("size", [(640, 480), (333, 500), (224, 224), (100, 90)])
def test_the_crop_of_a_model_is_that_of_timm(size: tuple[int, int]) -> None:
    from timm.data.transforms_factory import create_transform

    spec = build(ClassifierSettings(model="mobilenetv2_100", weights="none"), 3).preprocessing
    known: Any = timm.get_pretrained_cfg("mobilenetv2_100")
    picture = photo(5, *size)
    transform: Any = create_transform(
        known.input_size, crop_pct=known.crop_pct, interpolation=known.interpolation, crop_mode=known.crop_mode,
        mean=known.mean, std=known.std,
    )  # fmt: skip
    expected = transform(Image.fromarray(picture)).numpy()
    # timm rounds down a side that we round to the nearest pixel: a part of a pixel is the most that they differ by.
    assert np.abs(preprocess(picture, spec) - expected).mean() < 0.05
