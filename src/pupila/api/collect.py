"""Collect products and their images from a web shop."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.artifacts.dataset.open import open as open_data

if TYPE_CHECKING:
    from pupila.stages.collect.visit import Visited


def collect(
    site: str,
    *,
    out: str | Path,
    limit: int | None = None,
    resume: bool = False,
    browser: str | None = None,
    **wish: Any,
) -> "Visited":
    """Collect products and their images from a web shop into a data set, and save its manifest.

    Args:
        site: a YAML file, or the name of a site that comes with Pupila: disco, vtex or static.
        out: folder or URI, new or empty, or that of the collection to go on with.
        limit: products, the first of the listing; None: all.
        resume: go on with a visit that was ended early, or visit once more: only what is new is fetched.
        browser: path of Chromium; by default one on PATH.
        wish: fields of `Site`, which replace those of the file.

    Raises:
        PupilaError: see `pupila.stages.collect.visit.visit`; or none of the images can be used.
    """
    from pupila.stages.collect.site import read_site
    from pupila.stages.collect.visit import Wish, visit

    done = visit(read_site(site, wish), str(out), Wish(limit, resume, browser))
    if done.images:
        open_data(done.folder).save(done.folder)
    return done
