"""Tampered bundles are refused with a sentence, or predict what they predicted before; a kept hash finds them all."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from pupila.artifacts.bundle.folder import Bundle, check_pin, read_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.bundle.prompter import Prompter
from pupila.core.errors import PupilaError
from pupila.tasks import TASKS
from pupila.tasks.prompt import Prompt
from pupila.tasks.task import PostProcessing
from tests.artifacts.bundle.sealed import edit_file, read_fields
from tests.artifacts.bundle.tampering import tamper
from tests.colours import plain, write_colours, write_painted, write_pointing
from tests.pictures import encoded

PROBES = [encoded(plain(*colour)) for colour in ((255, 0, 0), (0, 200, 30), (10, 20, 250), (90, 90, 91))]
CLOSE = 0.01  # of the golden tolerance's size: what a changed rounding does


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """One of each task, whose models name their task and classes, as the export writes them."""
    root = tmp_path_factory.mktemp("written")
    several = PostProcessing(thresholds=(0.5, 0.6, 0.7), biases=(0.0, 0.1, 0.2))
    write_colours(root / "classify", temperature=2.0)
    write_painted(root / "segment")
    write_colours(root / "multilabel", task="multilabel", post_processing=several)
    write_pointing(root / "prompt")
    return [describe_models(home) for home in sorted(root.iterdir())]


def describe_models(home: Path) -> Bundle:
    fields = read_fields(home)
    for path in home.glob("*.onnx"):
        model = onnx.load_model_from_string(path.read_bytes())
        helper.set_model_props(model, {name: json.dumps(fields[name]) for name in ("task", "classes")})
        edit_file(home, path.name, model.SerializeToString())
    return read_bundle(home)


def predict(bundle: Bundle) -> list[Any]:
    """What a user sees, and the logits before it."""
    results: list[Any] = []
    if TASKS[bundle.info.task].takes_prompts:
        prompter = Prompter(bundle)
        for probe in PROBES:
            encoded_image = prompter.encode(prompter.preprocess(probe))
            results.append(prompter.decode(encoded_image, Prompt(points=((3.0, 3.0),))).masks)
            str(prompter.predict(encoded_image, Prompt(points=((3.0, 3.0),))))
        return results
    predictor = Predictor(bundle)
    for probe in PROBES:
        image = predictor.preprocess(probe)
        results.append(predictor.logits(image.inputs))
        str(predictor.predict_batch([image])[0])
    bundle.training_images()
    return [*results, bundle.info.classes]


def is_equal(ours: list[Any], theirs: list[Any]) -> bool:
    return len(ours) == len(theirs) and all(
        first == second if isinstance(first, list)
        else first.shape == second.shape and np.abs(first - second).max() <= CLOSE * np.abs(second).max()
        for first, second in zip(ours, theirs, strict=True)
    )  # fmt: skip


def attack(seed: int, bundles: list[Bundle], folder: Path, expected: dict[str, list[Any]]) -> bool:
    """Whether the draw was refused; it fails with anything but a sentence, and where another prediction is accepted."""
    rng = random.Random(seed)
    bundle = rng.choice(bundles)
    home = Path(shutil.copytree(bundle.folder, folder / str(seed)))
    tampered = tamper(rng, home)
    try:
        read = read_bundle(home)
        results = predict(read)
    except PupilaError as fault:
        assert str(fault).isprintable() or "\n  " in str(fault), tampered
        assert "\x1b" not in str(fault), tampered
        return True
    equal = read.info.task == bundle.info.task and is_equal(results, expected[bundle.folder])
    assert equal or tampered.unseen, (seed, tampered)
    try:
        check_pin(read, bundle.hash)
    except PupilaError:
        return False
    assert equal, (seed, tampered)  # what the hash accepts is the same bundle
    assert read.info == bundle.info, (seed, tampered)
    return False


def assert_attacks_fail(seeds: range, bundles: list[Bundle], folder: Path, most_accepted: float) -> None:
    expected = {bundle.folder: predict(bundle) for bundle in bundles}
    refused = sum(attack(seed, bundles, folder, expected) for seed in seeds)
    print(f"\n{len(seeds)} tampered bundles: {refused} refused, {len(seeds) - refused} unchanged or unseen")
    assert refused >= len(seeds) * (1 - most_accepted)


def test_tampered_bundles_are_refused_or_predict_the_same(tmp_path: Path, bundles: list[Bundle]) -> None:
    assert_attacks_fail(range(40), bundles, tmp_path, 0.4)


@pytest.mark.slow
def test_hundreds_of_tampered_bundles_are_refused_or_predict_the_same(
    tmp_path: Path, bundles: list[Bundle]
) -> None:
    assert_attacks_fail(range(1000, 1500), bundles, tmp_path, 0.4)
