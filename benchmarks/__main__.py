"""`python -m benchmarks [NAME ...]`: run all or the named, print the figures and keep them in `benchmarks/results/`."""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import (
    budgets,
    drift,
    duplicates,
    explaining,
    groups,
    guarded,
    opening,
    planted,
    predicting,
    prompting,
    recorded,
    segmentation,
    serving,
    startup,
    stores,
    suspects,
    swapping,
    sweep,
    training,
    waiting,
)
from benchmarks.measure import compile_modules

BENCHMARKS: dict[str, Callable[[], dict[str, Any]]] = {
    "startup": startup.run,
    "opening": opening.run,
    "stores": stores.run,
    "duplicates": duplicates.run,
    "groups": groups.run,
    "planted": planted.run,
    "training": training.run,
    "waiting": waiting.run,
    "sweep": sweep.run,
    "budgets": budgets.run,
    "suspects": suspects.run,
    "segmentation": segmentation.run,
    "segmentation_folds": segmentation.folds,
    "prompting": prompting.run,
    "serving": serving.run,
    "swapping": swapping.run,
    "guarded": guarded.run,
    "recorded": recorded.run,
    "predicting": predicting.run,
    "explaining": explaining.run,
    "drift": drift.run,
}
RESULTS = Path(__file__).parent / "results"
LIBRARIES = (
    "numpy",
    "pillow",
    "simplejpeg",
    "imagehash",
    "usearch",
    "polars",
    "torch",
    "timm",
    "segmentation-models-pytorch",
    "transformers",
    "onnxruntime",
)


def machine() -> dict[str, Any]:
    """What the figures depend on; no names, no paths."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def main(names: list[str]) -> None:
    """Run the benchmarks one after the other, with a cache of their own."""
    compile_modules()
    for name in names or BENCHMARKS:
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory() as cache:
            os.environ["PUPILA_CACHE"] = cache
            figures = BENCHMARKS[name]()
        RESULTS.mkdir(exist_ok=True)
        content = {"machine": machine(), "figures": figures}
        (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
