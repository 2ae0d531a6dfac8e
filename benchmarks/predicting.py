"""`pupila predict` on a folder, against a bare loop of decoding and ONNX Runtime on all cores."""

import shutil
from statistics import median
from typing import Any

from benchmarks.measure import bare_rate, real_data, real_weights, seconds, trained_bundle
from pupila.artifacts.bundle.predictor import Predictor
from pupila.artifacts.run.source import parse_predicting
from pupila.stages.predict.inputs import find_images
from pupila.tasks.classify import ClassPrediction

ROUNDS = 5


def run() -> dict[str, Any]:
    """Images per second of each, medians of rounds in turns; the engines stand ready in both."""
    photos, weights = real_data("ants_bees"), real_weights("mobilenetv2_100.safetensors")
    if photos is None or weights is None:
        return {}
    bundle = trained_bundle(photos, weights)
    images = [path.read_bytes() for path in sorted(photos.glob("*/*.jpg"))]
    predictor = Predictor(parse_predicting(bundle).bundle)

    def ours() -> None:
        assert sum(
            isinstance(a, ClassPrediction) for _, a in predictor.stream(find_images([str(photos)]))
        ) == len(images)

    rounds = [(len(images) / seconds(ours), bare_rate(bundle, images)) for _ in range(ROUNDS)]
    figures = {
        "images": len(images),
        "per_second": round(median(r[0] for r in rounds), 1),
        "bare_per_second": round(median(r[1] for r in rounds), 1),
        "share_of_bare": round(median(r[0] / r[1] for r in rounds), 3),
    }
    print(f"  {figures}")
    shutil.rmtree(bundle.parent)
    return figures
