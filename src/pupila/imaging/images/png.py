"""What stands behind the pixels of a PNG, found by its chunks: none is decoded."""

_HEADER = 8  # bytes
_FRAME = 12  # bytes of a chunk around its content: length, kind, checksum
_EXIF = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")  # texts from which Pillow takes an orientation
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def has_late_exif(data: bytes) -> bool:
    """Whether EXIF follows the pixels, for which Pillow decodes them all. Source: PNG specification, section 5.3."""
    at, late = _HEADER, False
    while len(kind := data[at + 4 : at + 8]) == 4 and kind != b"IEND":
        if kind == b"IDAT":
            late = True
        elif late and (kind == b"eXIf" or (kind in _TEXTS and data.startswith(_EXIF, at + 8))):
            return True
        at += _FRAME + int.from_bytes(data[at : at + 4])
    return False
