"""`pupila serve` with the log of predictions and the live monitor against the same without."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.guarded import compare_throughput
from benchmarks.measure import real_data, real_weights, trained_bundle
from benchmarks.serving import encode_form
from pupila.artifacts.predictions.log import read_predictions


def run() -> dict[str, Any]:
    """Ratios of throughput and of processor time, and the records that were written."""
    photos, weights = real_data("ants_bees"), real_weights("mobilenetv2_100.safetensors")
    if photos is None or weights is None:
        return {}
    bundle = trained_bundle(photos, weights, reference_share=0.3)
    bodies = [encode_form(path.read_bytes()) for path in sorted(photos.glob("*/val__*.jpg"))]
    with tempfile.TemporaryDirectory() as folder:
        figures = compare_throughput(
            bundle, bodies, ("--log-predictions", folder, "--keep-images", "share=0.02")
        )
        figures["records"] = sum(1 for _ in read_predictions(folder))
        figures["images"] = len(list((Path(folder) / "images").iterdir()))
    shutil.rmtree(bundle.parent)
    for name, value in figures.items():
        print(f"  {name}: {value}")
    return figures
