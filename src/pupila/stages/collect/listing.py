"""What the pages of a visit show: each product once, in the order in which it was met."""

from collections import deque
from dataclasses import dataclass, field

from pupila.stages.collect.reader import Product


@dataclass(slots=True)
class Listing:
    """Filled by whoever reads pages, emptied by whoever stores products."""

    seen: dict[str, Product] = field(default_factory=dict)  # by id, all of the visit
    shown: set[str] = field(default_factory=set)  # ids, since this start page was begun
    waiting: deque[Product] = field(default_factory=deque)  # not taken over yet
    nameless: dict[str, None] = field(default_factory=dict)  # items without an id, by what they show
    faults: dict[str, str] = field(default_factory=dict)  # address to why it was not read
    whole: bool = True  # nothing was lost that another visit may have

    def take(self, products: list[Product], nameless: list[str]) -> int:
        """Add products; one that was met before is passed over.

        Returns:
            How many were new to this start page: start pages may overlap, and what another one showed ends none.
        """
        self.nameless |= dict.fromkeys(nameless)
        fresh = {p.id: p for p in reversed(products) if p.id not in self.seen}
        new = [fresh.pop(p.id) for p in products if p.id in fresh]
        self.seen |= {p.id: p for p in new}
        self.waiting.extend(new)
        known = len(self.shown)
        self.shown.update(p.id for p in products)
        return len(self.shown) - known

    def begin(self) -> None:
        """Come to a start page."""
        self.shown.clear()

    def missed(self, address: str, reason: str, lost: bool = True) -> None:
        """Note that a page, or a part of one, could not be had.

        Args:
            address: its own.
            reason: for the user.
            lost: whether products may have been lost by it.
        """
        self.faults[address] = reason
        self.whole &= not lost
