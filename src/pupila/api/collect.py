"""Collect products and their images from a web shop."""

from typing import TYPE_CHECKING, Unpack

from pupila.api.inputs import Path, path_text
from pupila.api.options import CollectOptions
from pupila.core.extras import public

if TYPE_CHECKING:
    from pupila.stages.collect.visit import VisitResult


@public
def collect(
    site: Path,
    *,
    out: Path,
    limit: int | None = None,
    resume: bool = False,
    chromium: str | None = None,
    **settings: Unpack[CollectOptions],
) -> "VisitResult":
    """Collect products and their images from a web shop into a data set, and save its manifest.

    Args:
        site: a YAML file, or the name of a site that comes with Pupila: disco, vtex or static.
        out: folder or URI, new or empty, or that of the collection to resume.
        limit: products, the first of the listing; None: all.
        resume: resume a visit that ended early, or visit once more: only what is new is fetched.
        chromium: path of Chromium; by default one on PATH.
        settings: of the site; they replace those of the file.

    Raises:
        PupilaError: see `pupila.stages.collect.visit.visit`; or none of the images can be used.
    """
    from pupila.artifacts.dataset.open import open as open_path
    from pupila.stages.collect.site import read_site
    from pupila.stages.collect.visit import VisitOptions, visit

    result = visit(
        read_site(path_text(site), dict(settings)), path_text(out), VisitOptions(limit, resume, chromium)
    )
    if result.images:
        open_path(result.folder).save(result.folder)
    return result
