"""The processor's features by the names that it is sold with."""

import onnxruntime
import pytest

from pupila.artifacts.bundle import runtime


def test_flags_become_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_read_flags", lambda: {"sse2", "avx2", "avx512_vnni", "amx_tile"})
    assert runtime.this_runtime() == runtime.Runtime(
        cpu_features=["AVX2", "AVX512_VNNI", "AMX"], onnxruntime=onnxruntime.__version__
    )
    monkeypatch.setattr(runtime, "_read_flags", lambda: {"fp", "asimd", "i8mm"})
    assert runtime.cpu_features() == ["NEON", "I8MM"]


@pytest.mark.parametrize(("machine", "features"), [("arm64", ["NEON"]), ("AMD64", [])])
def test_without_a_list_of_flags_only_what_every_such_processor_has(
    machine: str, features: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_read_flags", set)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert runtime.cpu_features() == features
