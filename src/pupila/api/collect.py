"""Collect products and their images from a web shop."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pupila.artifacts.dataset.open import open as open_data

if TYPE_CHECKING:
    from pupila.stages.collect.visit import VisitResult


def collect(
    site: str,
    *,
    out: str | Path,
    limit: int | None = None,
    resume: bool = False,
    chromium: str | None = None,
    **config: Any,
) -> "VisitResult":
    """Collect products and their images from a web shop into a data set, and save its manifest.

    Args:
        site: a YAML file, or the name of a site that comes with Pupila: disco, vtex or static.
        out: folder or URI, new or empty, or that of the collection to resume.
        limit: products, the first of the listing; None: all.
        resume: resume a visit that ended early, or visit once more: only what is new is fetched.
        chromium: path of Chromium; by default one on PATH.
        config: fields of `Site`, which replace those of the file.

    Raises:
        PupilaError: see `pupila.stages.collect.visit.visit`; or none of the images can be used.
    """
    from pupila.stages.collect.site import read_site
    from pupila.stages.collect.visit import VisitOptions, visit

    result = visit(read_site(site, config), str(out), VisitOptions(limit, resume, chromium))
    if result.images:
        open_data(result.folder).save(result.folder)
    return result
