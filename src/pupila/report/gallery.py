"""Photos on a page: small, upright, embedded."""

import base64
import io

from PIL import Image

from pupila import files
from pupila.images.decode import ImageFault, decode
from pupila.report.page import Picture

SIDE = 128  # pixels of the longer side on the page


def picture(uri: str, caption: str) -> Picture:
    """The image as a small embedded photo; a note where it is gone since it was read."""
    try:
        rgb = decode(files.read_bytes(uri), at_least=SIDE)
    except (ImageFault, OSError) as fault:
        return Picture("data:,", f"{caption} ({fault})", uri)
    small = Image.fromarray(rgb)
    small.thumbnail((SIDE, SIDE), reducing_gap=2)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return Picture(f"data:image/jpeg;base64,{encoded}", caption, uri.rpartition("/")[2])
