"""Decode files in a process of its own, whose memory is limited, and say what each took."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_CHILD = """
import json, resource, sys
from pathlib import Path
import numpy as np
from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.decode import ImageFault, decode
from pupila.imaging.masks.codec import read_stored_mask

try:
    import rasterio.windows  # before the first measurement
except ImportError:
    pass

def field(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(Path(sys.argv[1]).iterdir()):
    data = path.read_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    before, code, frames, pixels = field("VmRSS"), "", 0, 0
    try:
        if sys.argv[3] == "mask":
            stored = read_stored_mask(data)
            frames, pixels = stored.pages, stored.values.size
            del stored
        else:
            image = read_image(data)
            frames, pixels = image.header.frames, image.rgb.shape[0] * image.rgb.shape[1]
            del image
    except ImageFault as fault:
        code = fault.code
    print(json.dumps([path.name, code, frames, pixels, field("VmHWM") - before, field("VmRSS") - before]))
"""


class Measured(NamedTuple):
    """What reading one file took."""

    code: str  # of the fault, "" for none
    frames: int
    pixels: int
    peak: int  # bytes
    retained: int  # bytes, after the image was dropped


def measure(folder: Path, limit: int, kind: str = "image") -> dict[str, Measured]:
    """What reading each file of a folder took, by its name.

    Args:
        folder: of the files.
        limit: of the address space of the process, bytes.
        kind: `image` or `mask`.
    """
    process = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder), str(limit), kind],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr[-2000:]
    return {name: Measured(*row) for name, *row in map(json.loads, process.stdout.splitlines())}
