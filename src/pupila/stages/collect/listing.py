"""The products that the pages of a visit list: each one once, in the order of the pages."""

from collections import deque
from dataclasses import dataclass, field

from pupila.stages.collect.reader import Product


@dataclass(slots=True)
class Listing:
    """Filled by a crawler, drained by the visit that stores the products."""

    products: dict[str, Product] = field(default_factory=dict)  # by id, of the whole visit
    start_page_ids: set[str] = field(default_factory=set)  # ids of the current start page
    pending: deque[Product] = field(default_factory=deque)  # not stored yet
    without_id: dict[str, None] = field(default_factory=dict)  # items without an id, by their link or name
    failures: dict[str, str] = field(default_factory=dict)  # address to the reason
    complete: bool = True  # no page failed that may have listed more products

    def add(self, products: list[Product], without_id: list[str]) -> int:
        """Add products; known ones are skipped.

        Returns:
            The number of products that are new on this start page, even if another start page listed them too.
        """
        self.without_id |= dict.fromkeys(without_id)
        fresh = {p.id: p for p in reversed(products) if p.id not in self.products}
        new = [fresh.pop(p.id) for p in products if p.id in fresh]
        self.products |= {p.id: p for p in new}
        self.pending.extend(new)
        known = len(self.start_page_ids)
        self.start_page_ids.update(p.id for p in products)
        return len(self.start_page_ids) - known

    def begin_start_page(self) -> None:
        """Start counting the products of another start page."""
        self.start_page_ids.clear()

    def record_failure(self, address: str, reason: str, lost: bool = True) -> None:
        """Note that a page, or a part of one, could not be loaded.

        Args:
            address: of the page or part.
            reason: for the user.
            lost: whether products may be missing because of it.
        """
        self.failures[address] = reason
        self.complete &= not lost
