"""The second look: copies reach the border, pictures that are merely alike do not."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from pupila.imaging.duplicates.compare import SAME, similarity
from pupila.imaging.duplicates.signature import SIDE, shrink
from tests.pictures import photo

Grey = NDArray[np.uint8]
WHOLE = Image.fromarray(photo(11, 400, 300))


def grey(picture: Image.Image) -> Grey:
    return shrink(np.asarray(picture))


def encoded_again(quality: int) -> Image.Image:
    buffer = io.BytesIO()
    WHOLE.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


@pytest.mark.parametrize(
    "copy",
    [
        encoded_again(50),
        WHOLE.resize((200, 150)),
        ImageEnhance.Brightness(WHOLE).enhance(1.1),
        WHOLE.crop((20, 15, 380, 285)),
        WHOLE.crop((20, 0, 400, 300)),
    ],
    ids=["quality 50", "half", "brighter", "cropped by 5 % at every side", "cropped at one side"],
)
def test_a_copy_reaches_the_border_from_both_sides(copy: Image.Image) -> None:
    assert similarity(grey(WHOLE), grey(copy)) >= SAME
    assert similarity(grey(copy), grey(WHOLE)) >= SAME


def test_the_same_image_is_a_duplicate() -> None:
    assert similarity(grey(WHOLE), grey(WHOLE)) == pytest.approx(1, abs=1e-5)


def test_similar_images_with_other_detail_are_no_duplicates() -> None:
    # both are the same smooth shapes under different texture: plain correlation is fooled
    smooth = np.asarray(Image.fromarray(photo(5, 8, 6)).resize((400, 300), Image.Resampling.BICUBIC))
    first, second = (
        np.clip(0.9 * smooth + 0.3 * photo(seed, 400, 300), 0, 255).astype(np.uint8) for seed in (21, 22)
    )
    pair = [grey(Image.fromarray(pixels)) for pixels in (first, second)]
    assert np.corrcoef(pair[0].ravel(), pair[1].ravel())[0, 1] > 0.8
    assert similarity(*pair) < SAME


def test_unrelated_pictures_are_far_apart() -> None:
    scores = [similarity(grey(WHOLE), grey(Image.fromarray(photo(seed, 400, 300)))) for seed in range(40, 60)]
    assert max(scores) < 0.7


def test_a_flat_image_has_no_duplicates() -> None:
    ramp = np.repeat(np.arange(SIDE, dtype=np.uint8)[None], SIDE, axis=0)
    plain = np.full((SIDE, SIDE), 7, np.uint8)
    assert similarity(plain, plain) == 0.0
    assert similarity(ramp, ramp) == 0.0
    assert similarity(grey(WHOLE), grey(WHOLE)) > SAME
