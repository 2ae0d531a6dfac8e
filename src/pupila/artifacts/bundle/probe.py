"""The linear probe beside a network in a sentence: for its card and the pages of its run, sweep and evaluation."""

from pupila.artifacts.bundle.validation import ProbeComparison
from pupila.core.messages import number, say, signed_number
from pupila.statistics.estimate import p_text
from pupila.statistics.metrics.titles import metric_title
from pupila.statistics.tests import SIGNIFICANT


def describe_probe(probe: ProbeComparison | None) -> list[str]:
    """Whether the network beats the linear probe on validation; nothing where there is no probe."""
    if probe is None:
        return []
    difference = probe.difference
    figures = {
        "difference": signed_number(difference.first - difference.other), "interval": difference.interval_text(),
        "p": p_text(probe.p_value),
    }  # fmt: skip
    evidence = (
        say("difference {difference}, too few groups for a confidence interval, {p}", **figures)
        if difference.low is None
        else say("difference {difference}, 95 % CI {interval}, {p}", **figures)
    )
    values = {"metric": metric_title(probe.metric), "value": number(difference.other), "evidence": evidence}
    if probe.p_value >= SIGNIFICANT:
        verdict = say("The network does not beat it")
    elif difference.first > difference.other:
        verdict = say("The network is significantly better")
    else:
        verdict = say("The network is significantly worse")
    sentence = say(
        "Linear probe on validation: {metric} {value}. {verdict} ({evidence}).", verdict=verdict, **values
    )
    return [sentence]
