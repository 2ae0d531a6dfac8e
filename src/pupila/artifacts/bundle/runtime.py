"""The processor and the runtime that a bundle's predictions were proven with."""

import platform

import onnxruntime

from pupila.core.records import Record

# Flags of /proc/cpuinfo that change how ONNX Runtime computes -> the names that processors are sold with.
_FEATURES = {
    "avx2": "AVX2", "fma": "FMA", "avx512f": "AVX512F", "avx512_vnni": "AVX512_VNNI", "avx_vnni": "AVX_VNNI",
    "avx512_bf16": "AVX512_BF16", "amx_tile": "AMX", "amx_int8": "AMX_INT8", "amx_bf16": "AMX_BF16",
    "asimd": "NEON", "asimddp": "DOTPROD", "i8mm": "I8MM", "bf16": "BF16", "sve": "SVE",
}  # fmt: skip


class Runtime(Record):
    """A processor and a runtime."""

    cpu_features: list[str]  # instruction sets that matter to inference
    onnxruntime: str  # version


def cpu_features() -> list[str]:
    """The instruction sets of this machine's processor that matter to inference; empty where none can be read."""
    flags = _read_flags()
    known = [name for flag, name in _FEATURES.items() if flag in flags]
    if not known and platform.machine().lower() in (
        "arm64",
        "aarch64",
    ):  # every processor of this kind has it
        return ["NEON"]
    return known


def this_runtime() -> Runtime:
    """Of this machine."""
    return Runtime(cpu_features=cpu_features(), onnxruntime=onnxruntime.__version__)


def _read_flags() -> set[str]:
    try:
        with open("/proc/cpuinfo") as stream:  # noqa: PTH123 -- no data file
            line = next((line for line in stream if line.startswith(("flags", "Features"))), "")
    except OSError:
        return set()
    return set(line.split())
