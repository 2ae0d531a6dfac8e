"""What decodes TIFFs prints damage to the terminal, libtiff in C and Pillow's reader as a log: both are silenced."""

import contextlib
import ctypes
import logging
from functools import cache

from PIL import _imaging


@cache
def silence_tiff_readers() -> None:
    """Let them print nothing in this process; what is damaged reaches us as Pillow's error.

    libtiff's handlers are those of the library that Pillow's extension is linked with; where its functions can't be
    reached, as in a build that holds them without their names, they stay. A program that reads logs still gets them.
    """
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(_imaging.__file__)
        for set_handler in (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler):
            set_handler.restype, set_handler.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
            set_handler(None)
