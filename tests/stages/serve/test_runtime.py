"""Which runtime serves: by name, or the faster one, measured once; the figures of most measurements are given."""

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import pupila
from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.runtimes import ONNX_RUNTIME, RUNTIMES, InferenceRuntime
from pupila.artifacts.bundle.session import Session
from pupila.core.errors import MissingExtra, PupilaError
from pupila.imaging.images.decode import Array
from pupila.stages.serve import runtime
from pupila.stages.serve.runtime import AUTO, choose_runtime, measure_speed_up
from pupila.stages.serve.settings import ServeSettings
from pupila.statistics.estimate import Estimate
from tests.colours import write_colours, write_pointing
from tests.pictures import encoded, photo
from tests.stages.serve.test_service import form, send_request

PHOTO = encoded(photo(5, 60, 40), "JPEG")
SECOND = InferenceRuntime("OpenVINO", Session, lambda: "1")  # stands for it: the same results


class Off(Session):
    """A runtime that adds to the first output."""

    def run(self, *inputs: Array, outputs: list[str] | None = None, bounded: bool = False) -> list[Array]:
        first, *others = super().run(*inputs, outputs=outputs, bounded=bounded)
        return [first + np.float32(0.5), *others]


def lack(*_: object) -> str:
    raise MissingExtra("openvino", "openvino")


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setenv("PUPILA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "OPENVINO", SECOND)
    return write_colours(tmp_path / "bundle")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes of the bundles that were measured, each 1.40 (1.30 to 1.50)."""
    hashes: list[str] = []

    def measure(bundle: Bundle) -> Estimate:
        hashes.append(bundle.hash)
        return Estimate(value=1.4, low=1.3, high=1.5)

    monkeypatch.setattr(runtime, "measure_speed_up", measure)
    return hashes


@pytest.mark.parametrize(
    ("low", "faster", "says"),
    [
        (
            1.3,
            True,
            r"OpenVINO 1 serves: it is 1.40 \(95 % CI 1.30 to 1.50\) times as fast as ONNX Runtime \d",
        ),
        (
            1.05,
            False,
            r"ONNX Runtime \S+ serves: OpenVINO 1 is 1.15 \(95 % CI 1.05 to 1.25\) .* not lie above 1.05",
        ),
        (0.8, False, r"OpenVINO 1 is 0.90 \(95 % CI 0.80 to 1.00\) times as fast"),
    ],
)
def test_auto_takes_openvino_where_it_is_faster_beyond_noise_and_says_why(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    low: float, faster: bool, says: str,
) -> None:  # fmt: skip
    speed_up = Estimate(value=low + 0.1, low=low, high=low + 0.2)
    monkeypatch.setattr(runtime, "measure_speed_up", lambda _: speed_up)
    assert choose_runtime(bundle, AUTO) is (SECOND if faster else ONNX_RUNTIME)
    (record,) = caplog.records
    assert re.search(says, record.getMessage())


def test_auto_remembers_what_it_measured_for_this_bundle_these_libraries_and_this_processor(
    tmp_path: Path, bundle: Bundle, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        assert choose_runtime(bundle, AUTO) is SECOND
    assert measured == [bundle.hash]
    other = write_colours(tmp_path / "other", scale=2)
    choose_runtime(other, AUTO)
    assert measured == [bundle.hash, other.hash]
    monkeypatch.setattr(runtime, "cpu_features", lambda: ["AVX2"])
    choose_runtime(bundle, AUTO)
    monkeypatch.setattr(runtime, "OPENVINO", InferenceRuntime("OpenVINO", Session, lambda: "2"))
    choose_runtime(bundle, AUTO)
    assert len(measured) == 4


def test_a_damaged_memory_is_measured_again(tmp_path: Path, bundle: Bundle, measured: list[str]) -> None:
    choose_runtime(bundle, AUTO)
    (file,) = (tmp_path / "cache" / "runtimes").iterdir()
    file.write_bytes(b"{}")
    assert choose_runtime(bundle, AUTO) is SECOND
    assert len(measured) == 2


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (
            InferenceRuntime("OpenVINO", Off, lambda: "1"),
            "OpenVINO predicts otherwise than ONNX Runtime: found",
        ),
        (InferenceRuntime("OpenVINO", Session, lack), "This needs the extra 'openvino'"),
    ],
)
def test_auto_serves_with_onnx_runtime_where_the_other_is_missing_or_off(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    second: InferenceRuntime, says: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(runtime, "OPENVINO", second)
    assert choose_runtime(bundle, AUTO) is ONNX_RUNTIME
    (record,) = caplog.records
    assert record.getMessage().startswith(f"ONNX Runtime serves, not OpenVINO: {says}")


@pytest.mark.parametrize("write", [write_colours, write_pointing])
def test_equal_runtimes_are_measured_in_turns(
    tmp_path: Path, bundle: Bundle, write: Callable[[Path], Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the test gives each run of the first 3 s, and each of the second 2 s, whatever else happens."""
    monkeypatch.setattr(runtime, "_MOST", 9)
    measure = iter([3.0, 2.0] * 9)
    monkeypatch.setattr(runtime, "_measure", lambda trial, inputs: (trial(inputs), next(measure))[1])
    assert measure_speed_up(write(tmp_path / "measured")) == Estimate(value=1.5, low=1.5, high=1.5)


def test_by_name_nothing_is_measured_and_nothing_said(
    bundle: Bundle, measured: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert {choose_runtime(bundle, name).title for name in RUNTIMES} == {"ONNX Runtime", "OpenVINO"}
    assert (measured, caplog.records) == ([], [])
    assert get_args(ServeSettings.model_fields["runtime"].annotation) == (*RUNTIMES, AUTO)


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
def test_a_service_predicts_the_same_with_openvino_and_names_it(tmp_path: Path) -> None:
    folder = write_colours(tmp_path / "bundle").folder
    bodies = {}
    for name in ("onnxruntime", "openvino"):
        with pupila.serve(folder, runtime=name) as service:
            address = service.url.removeprefix("http://")
            status, bodies[name], _ = send_request(
                address, "POST", "/predict/single", *form(("x.jpg", PHOTO))
            )
            assert status == 200
            served_by = send_request(address, "GET", "/model/info")[1]["served_by"]
            assert served_by == RUNTIMES[name].describe()
    assert bodies["openvino"]["probabilities"] == pytest.approx(
        bodies["onnxruntime"]["probabilities"], abs=1e-6
    )


def test_a_service_with_a_runtime_that_is_off_does_not_start(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RUNTIMES, "openvino", InferenceRuntime("OpenVINO", Off, lambda: "1"))
    with pytest.raises(PupilaError, match="OpenVINO predicts otherwise than ONNX Runtime"):
        pupila.serve(bundle.folder, runtime="openvino")
