"""The result of a visit in sentences."""

from pupila.core.messages import listing, say
from pupila.core.vocabulary import REJECTED_FILE
from pupila.stages.collect.visit import VisitResult


def describe_visit(result: VisitResult) -> list[str]:
    """What was stored, what was rejected, and what is no longer listed."""
    lines = [
        say("{listed} products listed, {new} of them new. {folder} now has {products} products and {images} images.",
            listed=result.listed, new=result.new, products=result.products, images=result.images, folder=result.folder),
        say("{duplicates} duplicate images skipped, {n} images rejected (reasons in {file}).",
            duplicates=result.duplicates, n=result.rejected, file=REJECTED_FILE),
    ]  # fmt: skip
    if result.complete:
        lines.append(
            say(
                "The listing was read to its end; {n} known products are no longer listed.", n=result.vanished
            )
        )
    else:
        lines.append(say("The listing was not read to its end, so no product is marked as vanished."))
    if result.failures:
        not_read = [f"{address} ({why})" for address, why in result.failures.items()]
        lines.append(say("Pages that could not be read: {pages}.", pages=listing(not_read, 3)))
    return lines
