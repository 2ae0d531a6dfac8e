"""What a model has to beat."""

from pupila.core.records import Record


class Baseline(Record):
    """A prediction that needs no model, and its metrics."""

    name: str  # the class that is always predicted, or in words what is predicted
    metrics: dict[str, float]  # by id
