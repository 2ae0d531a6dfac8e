"""What a file is by its first bytes: an image that Pupila reads, or one of a format that it does not."""

import re

from pupila.core.messages import say

START = 160  # bytes by which a format is recognized; DICOM's mark lies behind 128
_NETPBM = re.compile(rb"P[4-6]\s+(#|\d+\s+\d+\s)")  # the text forms, P1 to P3, may as well be words
_JPEG_2000 = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")
_SUFFIXES = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"),
             (_JPEG_2000[0], ".j2k"), (_JPEG_2000[1], ".jp2"), (b"P4", ".pbm"),
             (b"P5", ".pgm"), (b"P6", ".ppm"))  # fmt: skip
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)
_UNREAD_STARTS = ((b"\xff\x0a", ".jxl"), (b"\0\0\0\x0cJXL ", ".jxl"), (b"8BPS", ".psd"), (b"FUJIFILMCCD-RAW", ".raf"),
                  (b"IIRO", ".orf"), (b"IIU\0", ".rw2"), (b"v/1\x01", ".exr"), (b"#?RADIANCE", ".hdr"))  # fmt: skip
_RAW = frozenset(
    (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".raf", ".orf", ".rw2", ".pef", ".srw", ".x3f")
)
UNREAD_SUFFIXES = _RAW | {".svg", ".jxl", ".psd", ".dcm", ".exr", ".hdr", ".tga", ".ico", ".pfm", ".pcx", ".dds",
                          ".xcf", ".eps", ".ai", ".nii", ".mhd", ".nrrd", ".svs", ".czi", ".nd2"}  # fmt: skip


def has_image_signature(data: bytes) -> bool:
    """Whether the first bytes are those of a format that Pupila reads, whatever the file is called."""
    return (
        data[:3] == b"\xff\xd8\xff"
        or data[:8] == b"\x89PNG\r\n\x1a\n"
        or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
        or data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"GIF8")
        or (data[:2] == b"BM" and data[6:10] == b"\0\0\0\0")
        or data.startswith(_JPEG_2000)
        or _NETPBM.match(data[:64]) is not None
        or is_avif(data)
        or is_heif(data)
    )


def find_suffix(data: bytes) -> str:
    """The suffix of an image file by its content; that of TIFF for what is none of the common formats."""
    for start, suffix in _SUFFIXES:
        if data.startswith(start):
            return suffix
    return (
        ".webp"
        if data[8:12] == b"WEBP"
        else ".avif"
        if is_avif(data)
        else ".heic"
        if is_heif(data)
        else ".tif"
    )


def is_avif(data: bytes) -> bool:
    """Whether the file's brands are AVIF's."""
    return bool(_AVIF_BRANDS & _brands(data))


def is_heif(data: bytes) -> bool:
    """Whether the file's brands are those of HEIC and its relatives, without AVIF."""
    brands = _brands(data)
    return bool(_HEIF_BRANDS & brands) and not _AVIF_BRANDS & brands


def unread_format(data: bytes, suffix: str) -> str:
    """What an image of a format that Pupila does not read is, and what to do with it; empty for other files.

    Args:
        data: the first `START` bytes of the file.
        suffix: of its name, in small letters, with the dot.
    """
    kind = next((kind for start, kind in _UNREAD_STARTS if data.startswith(start)), suffix)
    if data[128:132] == b"DICM":
        kind = ".dcm"
    if data[4:12] == b"ftypcrx ":
        kind = ".cr3"
    return _describe_unread(kind) if kind in UNREAD_SUFFIXES else ""


def describe_content(data: bytes, formats: str) -> str:
    """Why bytes that nothing could open are no image.

    Args:
        data: of the file.
        formats: the names of the formats that are read.
    """
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return say("a web page, perhaps a saved error page")
    if start.startswith((b"<svg", b"<?xml")):
        return say("XML or SVG, not a pixel image")
    if unread := unread_format(data[:START], ""):
        return unread
    if has_image_signature(data):
        return say("an image file with a damaged header")
    return say("not an image in a supported format ({formats})", formats=formats)


def _brands(data: bytes) -> set[bytes]:
    """The brands of an ISO media file, such as HEIC; empty for any other."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), START)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def _describe_unread(suffix: str) -> str:
    if suffix in _RAW:
        return say("a camera's raw file: develop it, and export it as JPEG, PNG or 16-bit TIFF")
    texts = {
        ".jxl": say("JPEG XL: convert it to PNG or JPEG, for example with djxl"),
        ".psd": say("a Photoshop file: export it as PNG"),
        ".svg": say("SVG is a drawing without pixels: export it as PNG"),
        ".dcm": say("DICOM: export its pixels as PNG, with 16 bits where it has more than 8, and its window"),
    }
    return texts.get(suffix) or say(
        "{suffix} files are not supported: convert them to PNG or TIFF", suffix=suffix
    )
