"""The runtime that a bundle is served with: by name, or measured on this machine and remembered."""

import json
import logging
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.golden import GOLDEN, preprocess_bytes
from pupila.artifacts.bundle.interface import open_sessions
from pupila.artifacts.bundle.runtime import cpu_features
from pupila.artifacts.bundle.runtimes import ONNX_RUNTIME, OPENVINO, RUNTIMES, InferenceRuntime
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import number, say
from pupila.imaging.images.decode import Array
from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import median_ratio
from pupila.tasks import TASKS

AUTO = "auto"
_log = logging.getLogger("uvicorn.error")
_LEAST = 1.05  # times as fast: the lower end of the interval
_SECONDS = 1.0  # to measure for
_FEWEST, _MOST = 5, 200  # rounds, however long they take
_WARM_UP = 3  # rounds


def choose_runtime(bundle: Bundle, name: str) -> InferenceRuntime:
    """The runtime that a bundle is served with; with auto, the log says which and why.

    Args:
        bundle: read and verified.
        name: of a runtime; auto: OpenVINO where it is faster than ONNX Runtime and predicts the same.
    """
    if name != AUTO:
        return RUNTIMES[name]
    try:
        speed_up = _find_speed_up(bundle)
    except PupilaError as fault:  # not installed, or it predicts otherwise
        _log.warning(say("ONNX Runtime serves, not OpenVINO: {reason}", reason=str(fault).splitlines()[0]))
        return ONNX_RUNTIME
    words = {
        "openvino": OPENVINO.describe(),
        "onnxruntime": ONNX_RUNTIME.describe(),
        "speed_up": speed_up.text(2),
    }
    if (speed_up.low or 0) > _LEAST:
        _log.warning(say("{openvino} serves: it is {speed_up} times as fast as {onnxruntime}.", **words))
        return OPENVINO
    _log.warning(say("{onnxruntime} serves: {openvino} is {speed_up} times as fast, and the interval does not lie "
                     "above {least}.", least=number(_LEAST, 2), **words))  # fmt: skip
    return ONNX_RUNTIME


def _find_speed_up(bundle: Bundle) -> Estimate:
    """Measured once for a bundle on a processor with these libraries.

    Raises:
        PupilaError: as `measure_speed_up`.
    """
    key = json.dumps([bundle.hash, ONNX_RUNTIME.version(), OPENVINO.version(), cpu_features()])
    path = files.cache_folder() / "runtimes" / f"{files.sha256(key.encode())}.json"
    try:
        return Estimate.model_validate_json(files.read_from_cache(path) or b"")
    except ValueError:
        speed_up = measure_speed_up(bundle)
        files.write_to_cache(path, speed_up.model_dump_json().encode())
        return speed_up


def measure_speed_up(bundle: Bundle) -> Estimate:
    """How many times as fast as ONNX Runtime OpenVINO is on one core, for one image, in turns.

    Raises:
        PupilaError: OpenVINO is not installed, or predicts otherwise than ONNX Runtime.
    """
    task, name = TASKS[bundle.info.task], next(iter(bundle.info.golden))
    image = preprocess_bytes(bundle.read(f"{GOLDEN}/{name}"), task, bundle.info.preprocessing)
    opened = [open_sessions(bundle, 1, runtime) for runtime in (ONNX_RUNTIME, OPENVINO)]
    trials = [partial(task.trial, {role: each.run for role, each in sessions.items()}) for sessions in opened]
    rounds: list[list[float]] = []
    end = time.perf_counter() + _SECONDS
    while len(rounds) < _FEWEST + _WARM_UP or (len(rounds) < _MOST and time.perf_counter() < end):
        rounds.append([_measure(trial, image.inputs[:1]) for trial in trials])
    seconds = np.array(rounds[_WARM_UP:])
    return median_ratio(seconds[:, 0], seconds[:, 1])


def _measure(trial: Callable[[Array], Array], inputs: Array) -> float:
    """Seconds of a run."""
    start = time.perf_counter()
    trial(inputs)
    return time.perf_counter() - start
