"""A prediction with its heat map in closed form, against the prediction alone: the same predictor, photo by photo."""

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

from benchmarks.measure import real_data, real_weights, seconds, trained_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.run.source import parse_predicting
from pupila.tasks.classify import ClassPrediction
from pupila.tasks.task import PreprocessedImage

PHOTOS, ROUNDS = 100, 9


def run() -> dict[str, Any]:
    """Milliseconds a photo on one core, from its bytes and from its input, and their ratio; medians of rounds."""
    photos, weights = real_data("ants_bees"), real_weights("mobilenetv2_100.safetensors")
    if photos is None or weights is None:
        return {}
    bundle = trained_bundle(photos, weights)
    predictor = Predictor(parse_predicting(bundle).bundle)
    files = [path.read_bytes() for path in sorted(photos.glob("*/*.jpg"))[:PHOTOS]]
    prepared = [predictor.preprocess(file) for file in files]
    figures: dict[str, Any] = {"photos": len(files)}
    for name, given, prepare in (("from_bytes", files, predictor.preprocess), ("model", prepared, _as_it_is)):
        figures |= _compare(name, predictor, given, prepare)
    print(f"  {figures}")
    shutil.rmtree(bundle.parent)
    return figures


def _as_it_is(image: PreprocessedImage) -> PreprocessedImage:
    return image


def _compare(
    name: str, predictor: Predictor, given: Sequence[Any], prepare: Callable[[Any], PreprocessedImage]
) -> dict[str, float]:
    def predict(each: Any) -> None:
        predictor.predict_batch([prepare(each)])

    def explain(each: Any) -> None:
        _explain(predictor, prepare(each))

    ratios, plain, explained = [], [], []
    for number in range(ROUNDS + 1):
        pairs = [(seconds(partial(predict, each)), seconds(partial(explain, each))) for each in given]
        alone, both = (sum(times) for times in zip(*pairs, strict=True))
        if number:  # the first round warms up
            ratios.append(both / alone)
            plain.append(1e3 * alone / len(given))
            explained.append(1e3 * both / len(given))
    return {
        f"{name}_predict_ms": round(median(plain), 3), f"{name}_explain_ms": round(median(explained), 3),
        f"{name}_ratio": round(median(ratios), 3),
    }  # fmt: skip


def _explain(predictor: Predictor, image: PreprocessedImage) -> None:
    logits, feature_maps = predictor.logits_with_map(image.inputs)
    prediction = predictor.predict(logits, image)
    assert isinstance(prediction, ClassPrediction) and feature_maps is not None
    number = predictor.info.classes.index(prediction.prediction)
    assert predictor.heat_maps(logits[0], feature_maps[0], [number]) is not None
