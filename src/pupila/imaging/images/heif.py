"""Open HEIC and other HEIF files, with a library that is optional."""

import io

from PIL import ImageFile

from pupila.core.errors import MissingExtra


def open_heif(data: bytes) -> ImageFile.ImageFile:
    """The primary image, upright as the file says; its pixels are not decoded yet.

    Raises:
        MissingExtra: pillow-heif is not installed.
        SyntaxError: the file is damaged.
    """
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise MissingExtra("heif", "pillow_heif") from None
    picture: ImageFile.ImageFile = HeifImageFile(io.BytesIO(data))
    return picture
