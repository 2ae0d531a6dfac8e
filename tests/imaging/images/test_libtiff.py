"""Damaged TIFFs are faults with a reason, and what their decoders print does not reach the terminal."""

import contextlib
import io
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from pupila.imaging.geotiff.image import read_image
from pupila.imaging.images.bands import BandSettings
from pupila.imaging.images.decode import ImageFault, ImageLimits, decode

COMPRESSIONS = ("tiff_lzw", "tiff_deflate", "jpeg", "packbits", "group4")


def damaged_tiffs() -> list[bytes]:
    """Some of each compression, with wrong bytes in tags and pixels."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8))
    draw, files = random.Random(0), []
    for compression in COMPRESSIONS:
        stream = io.BytesIO()
        (noise.convert("1") if compression == "group4" else noise).save(
            stream, "TIFF", compression=compression
        )
        for _ in range(20):
            content = bytearray(stream.getvalue())
            for _ in range(10):
                content[draw.randrange(8, len(content))] = draw.randrange(256)
            files.append(bytes(content))
    return files


def decode_all(contents: list[bytes]) -> int:
    """How many are faults, decoded in a worker thread as a data set's images are."""

    def count(content: bytes) -> int:
        try:
            decode(content)
        except ImageFault:
            return 1
        return 0

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(count, contents))


@pytest.mark.filterwarnings("ignore")  # of Pillow, in Python: a data set is read without them
def test_a_damaged_tiff_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert decode_all(damaged_tiffs()) > 30
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_geotiff_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rasterio")
    bands = BandSettings(bands=(1, 2, 3), low=0.0, high=255.0)
    for content in damaged_tiffs()[::4]:
        with contextlib.suppress(ImageFault):
            read_image(content, bands, ImageLimits(), None)
    assert capfd.readouterr() == ("", "")
