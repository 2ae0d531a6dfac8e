"""The memory that a model takes beside the runtime: measured in a process of its own, whose peak is the model's."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

# Loads the runtime, then the model, runs it, and prints by how many kB the peak of the process rose. (Linux gives the
# peak of `getrusage` to children: that of its own memory stands in /proc.)
_SCRIPT = """
import json, re, sys
from pathlib import Path
import numpy as np
from pupila.artifacts.bundle.session import Session
peak = lambda: int(re.search("VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
content, pixels = Path(sys.argv[1]).read_bytes(), np.zeros(json.loads(sys.argv[2]), np.float32)
before = peak()
Session(content, threads=1).run(pixels)
print(peak() - before)
"""


def measure_memory(model: bytes, shape: tuple[int, int]) -> int:
    """Bytes by which the peak memory of a process rises that opens a model and predicts an image; 0: no Linux.

    Args:
        model: ONNX file.
        shape: (H, W) of the input.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        path.write_bytes(model)
        command = [sys.executable, "-c", _SCRIPT, str(path), json.dumps([1, 3, *shape])]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    return 1024 * int(result.stdout) if result.returncode == 0 else 0
