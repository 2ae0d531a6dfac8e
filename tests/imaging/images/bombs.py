"""Small files that ask for much: what their headers say is far from what they hold."""

import io
import struct
import zlib

from PIL import Image

GIF_FRAME = b"\x21\xf9\x04\0\0\0\0\0" + b"\x2c" + struct.pack("<HHHH", 0, 0, 2, 2) + b"\0\x02\x02\x44\x0a\x00"


def tiff(
    tags: dict[int, int], length: int = 1125, big: bool = False, twice: dict[int, int] | None = None
) -> bytes:
    """A TIFF of one page with these numbers as tags, all of 32 bits."""
    entries = sorted([*tags.items(), *(twice or {}).items()])
    if big:
        body = b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, len(entries))
        body += b"".join(struct.pack("<HHQQ", tag, 4, 1, value) for tag, value in entries) + bytes(8)
    else:
        body = b"II*\0" + struct.pack("<IH", 8, len(entries))
        body += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries) + bytes(4)
    return body.ljust(length, b"\x80")


def tiled(side: int, tile: int, compression: int = 5, **more: int) -> dict[int, int]:
    """The tags of a grey image in one tile; more tags by their numbers, such as t34735=1."""
    tags = {
        256: side,
        257: side,
        258: 8,
        259: compression,
        262: 1,
        277: 1,
        322: tile,
        323: tile,
        324: 900,
        325: 200,
    }
    return tags | {int(name[1:]): value for name, value in more.items()}


def many_strips(count: int) -> bytes:
    """A TIFF of 64 rows that lists this many strips."""
    tags = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 277: 1, 278: 1}
    entries = [(tag, 1, value) for tag, value in tags.items()] + [(273, count, 200), (279, count, 200)]
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", tag, 4, number, value) for tag, number, value in sorted(entries))
    return head.ljust(200, b"\0") + struct.pack("<I", 150) * count


def many_numbers(tag: int, count: int, exif: bool = False) -> bytes:
    """A TIFF of 8 x 8 pixels that has as many numbers of 16 bits in one tag, or in a tag of its EXIF."""
    page = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64} | (
        {34665: 400} if exif else {}
    )
    entries = [(each, 4, 1, value) for each, value in page.items()]
    entries += [] if exif else [(tag, 3, count, 600)]
    packed = [struct.pack("<HHII", *entry) for entry in sorted(entries)]
    head = (b"II*\0" + struct.pack("<IH", 8, len(packed)) + b"".join(packed)).ljust(400, b"\0")
    head += struct.pack("<HHHII", 1, tag, 3, count, 600)
    return head.ljust(600, b"\0") + b"\x39\x30" * count


def chain(pages: int, loop: bool = False) -> bytes:
    """A TIFF of 8 x 8 pixels whose page is repeated; a loop leads back to the first."""
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    size = 2 + 12 * len(tags) + 4
    entries = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", t, 4, 1, v) for t, v in tags.items()
    )
    following = [8 + size * (page + 1) for page in range(pages - 1)] + [8 if loop else 0]
    return (
        b"II*\0" + struct.pack("<I", 8) + b"".join(entries + struct.pack("<I", place) for place in following)
    )


def gif(frames: int) -> bytes:
    """A GIF of 2 x 2 pixels."""
    head = b"GIF89a" + struct.pack("<HH", 2, 2) + b"\x80\0\0\0\0\0\xff\xff\xff"
    return head + GIF_FRAME * frames + b";"


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, colour: int = 0, bits: int = 8, extra: bytes = b"") -> bytes:
    """A PNG of zeros, whose pixels take almost no bytes."""
    line = 1 + (width * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] * bits + 7) // 8
    packer, rows = zlib.compressobj(1), max(1, 4_000_000 // line)
    parts = [packer.compress(bytes(line * min(rows, height - top))) for top in range(0, height, rows)]
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IDAT", b"".join(parts) + packer.flush())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + body + chunk(b"IEND", b"")


def text_bomb(name: bytes, size: int) -> bytes:
    """A PNG with a compressed chunk of text or colours that unpacks to this many bytes."""
    head = {b"iCCP": b"x\0\0", b"zTXt": b"x\0\0", b"iTXt": b"x\0\1\0\0\0"}[name]
    return png(8, 8, 2, 8, chunk(name, head + zlib.compress(bytes(size), 1)))


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    stream = io.BytesIO()
    Image.new("L", (side, side), 128).save(stream, "JPEG", progressive=True)
    content = stream.getvalue()
    return content[:-2] + content[content.rfind(b"\xff\xda") : -2] * scans + b"\xff\xd9"


def jpeg_2000(width: int, height: int, tile: int) -> bytes:
    """A codestream of JPEG 2000 that claims a size and tiles of a side."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "JPEG2000", no_jp2=True)
    content = bytearray(stream.getvalue())
    struct.pack_into(">IIIIII", content, 8, width, height, 0, 0, tile, tile)
    return bytes(content)


def saved(form: str, side: int, mode: str = "RGB", **options: object) -> bytes:
    """A plain image in a format of Pillow's."""
    stream = io.BytesIO()
    Image.new(mode, (side, side)).save(stream, form, **options)
    return stream.getvalue()


def false_headers() -> dict[str, tuple[bytes, str]]:
    """Every kind of false header, with the code of its refusal, or "" where the file is read."""
    return {
        "tile of 60,000": (tiff(tiled(64, 60_000)), "oversized"),
        "tile of 2^31": (tiff(tiled(64, 2**31)), "oversized"),
        "raw tile": (tiff(tiled(64, 60_000, 1)), "oversized"),
        "big tile": (tiff(tiled(64, 60_000), big=True), "oversized"),
        "tag given twice": (tiff(tiled(64, 16), twice={322: 60_000, 323: 60_000}), "oversized"),
        "tile with a coordinate system": (tiff(tiled(64, 60_000, t34735=1)), "oversized"),
        "image of 2^31": (tiff(tiled(2**31, 256)), "oversized"),
        "numbers in a tag": (many_numbers(274, 2_000_000), "oversized"),
        "numbers in EXIF": (many_numbers(37500, 2_000_000, exif=True), "oversized"),
        "strips": (many_strips(200_000), "oversized"),
        "pages": (chain(20_000), ""),
        "pages in a loop": (chain(5, loop=True), ""),
        "frames of a GIF": (gif(30_000), ""),
        "a line": (png(1, 2_000_000), "oversized"),
        "profile": (text_bomb(b"iCCP", 30_000_000), "unreadable"),
        "text": (text_bomb(b"zTXt", 30_000_000), "unreadable"),
        "text of Unicode": (text_bomb(b"iTXt", 30_000_000), "unreadable"),
        "frames of a PNG": (png(8, 8, 2, 8, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
                                + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 1, 0, 0))), ""),
        "scans": (many_scans(3000, 300), "oversized"),
        "tiles": (jpeg_2000(8000, 8000, 8), "oversized"),
        "tiles of a pixel": (jpeg_2000(8000, 8000, 1), "oversized"),
        "image of PPM": (b"P6\n900000 900000\n255\n" + bytes(99), "oversized"),
        "image of BMP": (b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0,
                                             0, 0) + bytes(45), "oversized"),
    }  # fmt: skip
