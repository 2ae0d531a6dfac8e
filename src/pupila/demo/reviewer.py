"""A simulated reviewer of a review page, who sees only what the page shows."""

import json
import urllib.request
from collections.abc import Mapping, Sequence

from pupila.demo.labeller import GroundTruth


def review_page(address: str, names: Sequence[str], ground_truth: GroundTruth) -> None:
    """Review every image of a page.

    Args:
        address: of the page.
        names: of the classes.
        ground_truth: the class of a picture.
    """
    choices = sorted(names)
    number = _call_page(address, "state")
    while number is not None:
        with urllib.request.urlopen(f"{address}image/{number}") as picture:
            label = ground_truth(picture.read())
        choice = choices.index(label) if label in choices else None
        number = _call_page(address, "answer", {"number": number, "choice": choice})
    _call_page(address, "finish", {})


def _call_page(address: str, path: str, body: Mapping[str, int | None] | None = None) -> int | None:
    """The number of the next image to review; None: none is left."""
    content = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "origin": address.rstrip("/")}
    with urllib.request.urlopen(urllib.request.Request(f"{address}{path}", content, headers)) as response:
        current: int | None = json.load(response)["current"]
        return current
