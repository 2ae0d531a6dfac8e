"""The result of a visit in sentences."""

from pupila.core.messages import listing, say, say_count, say_images
from pupila.core.vocabulary import REJECTED_FILE
from pupila.stages.collect.visit import VisitResult


def describe_visit(result: VisitResult) -> list[str]:
    """What was stored, what was rejected, and what is no longer listed."""
    lines = [
        say("{listed} listed, {new} of them new. {folder} now has {products} and {images}.",
            listed=_count_products(result.listed), new=result.new, products=_count_products(result.products),
            images=say_images(result.images), folder=result.folder),
        say("{duplicates} skipped, {images} rejected (reasons in {file}).",
            duplicates=say_count("{n} duplicate image", "{n} duplicate images", result.duplicates),
            images=say_images(result.rejected), file=REJECTED_FILE),
    ]  # fmt: skip
    if result.complete:
        lines.append(say_count(
            "The listing was read to its end; {n} known product is no longer listed.",
            "The listing was read to its end; {n} known products are no longer listed.", result.vanished,
        ))  # fmt: skip
    else:
        lines.append(say("The listing was not read to its end, so no product is marked as vanished."))
    if result.failures:
        not_read = [f"{address} ({why})" for address, why in result.failures.items()]
        lines.append(say("Pages that could not be read: {pages}.", pages=listing(not_read, 3)))
    return lines


def _count_products(n: int) -> str:
    return say_count("{n} product", "{n} products", n)
