"""How a visit went, in words."""

from pupila.core.messages import listing, say
from pupila.stages.collect.visit import Visited


def sentences(done: Visited) -> list[str]:
    """What came, what did not, and what is gone."""
    told = [
        say("{listed} products listed, {new} of them new; {products} products and {images} images in {folder}.",
            listed=done.listed, new=done.new, products=done.products, images=done.images, folder=done.folder),
        say("{copies} images came twice and are stored once; {n} set aside (set_aside.jsonl says why).",
            copies=done.copies, n=done.set_aside),
    ]  # fmt: skip
    if done.complete:
        told.append(say("The listing was read to its end; {n} products vanished since.", n=done.vanished))
    else:
        told.append(say("The listing was not read to its end, so nothing is said to have vanished."))
    if done.faults:
        not_read = [f"{address} ({why})" for address, why in done.faults.items()]
        told.append(say("Not read: {pages}.", pages=listing(not_read, 3)))
    return told
