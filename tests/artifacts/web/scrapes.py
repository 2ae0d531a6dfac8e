"""What a scrape of /metrics has, by Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families

# (name of a sample, values of its labels in the order of their names) -> value
Samples = dict[tuple[str, tuple[str, ...]], float]
GROWING = ("counter", "histogram")


def read_samples(text: str, types: tuple[str, ...] = ()) -> Samples:
    """The samples of all metrics, or of those of some types."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        if not types or family.type in types
        for sample in family.samples
    }
