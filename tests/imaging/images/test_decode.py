"""From bytes to RGB: every format and mode, every EXIF orientation, every refusal."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pupila.imaging.images.convert import apply_orientation
from pupila.imaging.images.decode import ImageFault, ImageLimits, decode, probe
from tests.pictures import Pixels, encoded, photo

PHOTO = photo(1)
CODES = {"empty-file", "not-an-image", "unreadable", "truncated", "oversized"}
LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "WEBP": {"lossless": True, "exact": True}, "TIFF": {}}


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def turned(pixels: Pixels, orientation: int, format: str, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(Image.fromarray(pixels), format, exif=exif, **options)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "BMP"])
def test_a_lossless_file_gives_its_pixels_back(format: str) -> None:
    assert np.array_equal(decode(encoded(PHOTO, format, **LOSSLESS.get(format, {}))), PHOTO)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"optimize": True}])
def test_a_jpeg_gives_what_pillow_gives(options: dict[str, Any]) -> None:
    data = encoded(PHOTO, "JPEG", quality=95, **options)
    theirs = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.abs(decode(data).astype(int) - theirs).max() <= 3


def test_a_cmyk_jpeg_has_the_colours_that_it_shows() -> None:
    data = saved(Image.fromarray(PHOTO).convert("CMYK"), "JPEG", quality=98)
    assert probe(data).mode == "CMYK"
    assert np.abs(decode(data).astype(int) - PHOTO).mean() < 6


def test_a_palette_becomes_rgb_and_its_transparency_white() -> None:
    picture = Image.new("P", (4, 2), 0)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((3, 1), 1)
    plain, holed = saved(picture, "PNG"), saved(picture, "PNG", transparency=0)
    assert decode(plain)[0, 0].tolist() == [10, 20, 30]
    assert decode(plain)[1, 3].tolist() == [200, 100, 50]
    assert decode(holed)[0, 0].tolist() == [255, 255, 255]
    assert decode(holed)[1, 3].tolist() == [200, 100, 50]
    assert (probe(plain).alpha, probe(holed).alpha) == (False, True)


def test_half_transparent_red_on_white_is_pink() -> None:
    data = saved(Image.new("RGBA", (2, 2), (255, 0, 0, 128)), "PNG")
    assert decode(data)[0, 0].tolist() == [255, 127, 127]


def test_sixteen_bits_are_divided_by_257_and_rounded() -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65535]], dtype=np.uint16)
    # 128 / 257 = 0.498 -> 0; 129 / 257 = 0.502 -> 1; 32768 / 257 = 127.502 -> 128
    assert decode(saved(Image.fromarray(values), "PNG"))[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_grey_becomes_three_equal_channels(mode: str) -> None:
    picture = Image.fromarray(PHOTO).convert("L").convert(mode)
    grey = np.asarray(picture.convert("L"))
    assert len(np.unique(grey)) > 1
    assert np.array_equal(decode(saved(picture, "PNG")), np.stack([grey] * 3, axis=2))


def test_a_grey_jpeg_becomes_three_equal_channels() -> None:
    grey = np.asarray(Image.fromarray(PHOTO).convert("L"))
    rgb = decode(encoded(grey, "JPEG", quality=98))
    assert np.array_equal(rgb[..., 0], rgb[..., 2])
    assert np.abs(rgb[..., 0].astype(int) - grey).mean() < 2


def test_the_second_image_of_a_phone_is_no_page() -> None:
    data = saved(Image.fromarray(PHOTO), "MPO", save_all=True, append_images=[Image.fromarray(photo(2))])
    assert (probe(data).format, probe(data).frames) == ("JPEG", 1)
    assert np.abs(decode(data).astype(int) - PHOTO).mean() < 10


def test_a_header_has_the_time_and_the_camera_of_a_photo() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Make", "Model 7"
    exif.get_ifd(0x8769)[0x9003] = "2025:01:02 03:04:05"
    header = probe(saved(Image.fromarray(PHOTO), "JPEG", exif=exif))
    assert (header.taken, header.camera) == ("2025:01:02 03:04:05", "Make Model 7")
    assert (header.bands, header.mode, header.alpha) == (3, "RGB", False)


def test_of_an_animation_the_first_frame_is_read() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert probe(data).frames == 2
    assert decode(data)[0, 0].tolist() == [250, 0, 0]


@settings(max_examples=60)
@given(
    orientation=st.integers(1, 8),
    format=st.sampled_from(sorted(LOSSLESS)),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
)
def test_every_orientation_is_undone(orientation: int, format: str, height: int, width: int) -> None:
    pixels = photo(3, width, height)
    data = turned(pixels, orientation, format, **LOSSLESS[format])
    theirs = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    assert np.array_equal(decode(data), theirs)
    assert np.array_equal(apply_orientation(pixels, orientation), theirs)
    header = probe(data)
    assert (header.height, header.width) == theirs.shape[:2]
    assert header.orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_stands_upright(orientation: int) -> None:
    data = turned(PHOTO, orientation, "JPEG", quality=97)
    want = apply_orientation(PHOTO, orientation)
    assert np.abs(decode(data).astype(int) - want).mean() < 6
    assert (probe(data).height, probe(data).width) == want.shape[:2]


def test_a_damaged_exif_block_is_no_orientation() -> None:
    data = turned(PHOTO, 6, "JPEG", quality=90)
    start = data.index(b"Exif\0\0") + 6
    broken = data[:start] + b"\xff" * 16 + data[start + 16 :]
    assert decode(broken).shape == PHOTO.shape


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-file"),
        (b"<!DOCTYPE html><html>", "not-an-image"),
        (b"<svg xmlns='x'></svg>", "not-an-image"),
        (b"8BPS\0\x01" + b"\0" * 40, "not-an-image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "unreadable"),
        (encoded(PHOTO, "PNG")[:-3000], "truncated"),
        (encoded(PHOTO, "JPEG")[:-900], "truncated"),
    ],
)
def test_unusable_bytes_are_refused_with_a_code(data: bytes, code: str) -> None:
    with pytest.raises(ImageFault) as fault:
        decode(data)
    assert fault.value.code == code
    assert fault.value.reason


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "TIFF", "BMP"])
def test_half_a_file_is_truncated_in_every_format_that_can_tell(format: str) -> None:
    whole = encoded(PHOTO, format)
    decode(whole)
    with pytest.raises(ImageFault) as fault:
        decode(whole[: len(whole) // 2])
    assert fault.value.code == "truncated"


def test_limits_are_checked_before_a_pixel_is_decoded() -> None:
    data = encoded(PHOTO, "PNG")  # 96 x 72 = 6912 pixels
    decode(data, ImageLimits(max_pixels=6912, max_bytes=len(data)))
    for limits in (ImageLimits(max_pixels=6911), ImageLimits(max_bytes=len(data) - 1)):
        for read in (probe, decode):
            with pytest.raises(ImageFault) as fault:
                read(data[: len(data) // 2] if limits.max_pixels == 6911 else data, limits)
            assert fault.value.code == "oversized"


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")  # Pillow tells of corrupt EXIF data
@settings(max_examples=150)
@given(st.data())
def test_damaged_bytes_give_an_image_or_a_fault_and_nothing_else(draw: st.DataObject) -> None:
    whole = draw.draw(
        st.sampled_from([encoded(photo(5, 24, 16), f) for f in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")])
    )
    data = bytearray(whole[: draw.draw(st.integers(0, len(whole)))])
    for _ in range(draw.draw(st.integers(0, 4))):
        if data:
            data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    _check_image_or_fault(bytes(data))


@settings(max_examples=60)
@given(
    st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\x40\0\0\0WEBPVP8 "]
    ),
    st.binary(max_size=300),
)
def test_noise_gives_an_image_or_a_fault_and_nothing_else(start: bytes, noise: bytes) -> None:
    _check_image_or_fault(start + noise)


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")
@pytest.mark.parametrize("format", ["GIF", "TIFF", "PNG", "WEBP"])
def test_a_file_of_several_frames_may_end_at_any_byte(format: str) -> None:
    frames = [Image.fromarray(photo(seed, 16, 12)) for seed in (5, 6)]
    whole = saved(frames[0], format, save_all=True, append_images=frames[1:])
    assert probe(whole).frames == 2
    for length in range(len(whole)):
        _check_image_or_fault(whole[:length])


def _check_image_or_fault(data: bytes) -> None:
    limits = ImageLimits(max_pixels=1_000_000)  # a damaged header may claim a vast picture
    for read in (decode, probe):
        try:
            result = read(data, limits)
        except ImageFault as fault:
            assert fault.code in CODES
            assert fault.reason
        else:
            if isinstance(result, np.ndarray):
                assert result.dtype == np.uint8
                assert result.shape[2] == 3


def test_scaled_decoding_keeps_the_minimum_side() -> None:
    data = encoded(photo(7, 800, 600), "JPEG", quality=92)
    assert decode(data, min_side=150).shape == (150, 200, 3)
    assert decode(data, min_side=151).shape == (225, 300, 3)  # three eighths
    assert decode(data, min_side=4000).shape == (600, 800, 3)


def test_a_picture_at_the_decoders_own_border_is_oversized_and_no_warning() -> None:
    # A bitmap's header alone: 18,000 x 5,000 pixels lie above what Pillow takes without a warning.
    header = bytearray(encoded(photo(1, 24, 16), "BMP"))
    header[18:26] = (18_000).to_bytes(4, "little") + (5_000).to_bytes(4, "little")
    with pytest.raises(ImageFault) as fault:
        decode(bytes(header))
    assert fault.value.code == "oversized"
