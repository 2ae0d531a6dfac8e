"""Flips at test time: a prediction is the mean over an image and its flips."""

from typing import Literal

TestTimeFlips = Literal["none", "horizontal", "both"]

# The axes along which an input (..., H, W) is flipped, for each pass through the network.
FLIP_AXES: dict[str, tuple[tuple[int, ...], ...]] = {
    "none": ((),),
    "horizontal": ((), (-1,)),
    "both": ((), (-1,), (-2,), (-2, -1)),
}
