"""Labels by source, confidence and cost, the agreement of labellers, and the result of an audit."""

from collections import Counter
from collections.abc import Callable
from itertools import combinations

import numpy as np
import polars as pl

from pupila.artifacts.dataset.labels import current_labels, read_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.audit import read_audit
from pupila.artifacts.report.fingerprint import (
    AuditFacts,
    Fingerprint,
    LabelFacts,
    LabellerFacts,
    LabellerPair,
    LabelSources,
)
from pupila.artifacts.report.page import Section, Table
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import number, percent, say, say_count
from pupila.core.vocabulary import AUDIT_FILE
from pupila.stages.explore.views import find_view

MAX_LABELLERS = 12  # listed, those with the most annotations
_STEPS = 20  # bins of confidence


def label_facts(data: Dataset) -> LabelFacts | None:
    """The labels in the fingerprint; None if the data set has no label history."""
    whole = read_history(data.home)
    rows = whole.filter(pl.col("sha256").is_in(data.images["sha256"].unique().to_list()))
    if rows.is_empty():
        return None
    current = current_labels(rows)
    by_hash = {sha256: (annotator, target) for sha256, annotator, target
               in current.select("sha256", "annotator", "target").iter_rows()}  # fmt: skip
    sources: Counter[str] = Counter()
    for sha256, target, given in data.images.select("sha256", "target", "given_target").iter_rows():
        sources[_source(by_hash.get(sha256), target, given)] += 1
    last = rows.group_by("labeller", "sha256", maintain_order=True).last()
    counts = rows["labeller"].value_counts(sort=True)["labeller"].to_list()
    listed = counts[:MAX_LABELLERS]
    return LabelFacts(
        sources=LabelSources(**{name: sources[name] for name in LabelSources.model_fields}),
        annotations=rows.height,
        cost=_total(rows["cost"]),
        labellers={name: _summarize_labeller(name, rows, current) for name in listed},
        more_labellers=max(len(counts) - MAX_LABELLERS, 0),
        pairs=_compare_labellers(last, listed, agree) if (agree := find_view(data).agree) else [],
        audit=_read_audit(data.home, whole),
    )


def _source(current: tuple[bool, str | None] | None, target: str | None, given: str | None) -> str:
    """The source of the current label of an image."""
    if current is not None and current[0]:
        return "abstained" if current[1] is None else "annotator"
    if target is None:
        return "abstained" if current is not None else "unlabelled"
    return "machine" if given is None else "given"


def _summarize_labeller(name: str, rows: pl.DataFrame, current: pl.DataFrame) -> LabellerFacts:
    own = rows.filter(pl.col("labeller") == name)
    confidences = own["confidence"].drop_nulls()
    seconds = own["seconds"].drop_nulls()
    counts, _ = np.histogram(confidences.to_numpy(), np.linspace(0, 1, _STEPS + 1))
    return LabellerFacts(
        annotator=bool(own["annotator"].any()),
        annotations=own.height,
        images=own["sha256"].n_unique(),
        current=current.filter(pl.col("labeller") == name).height,
        abstained=int(own["target"].null_count()),
        confidence=counts.tolist() if len(confidences) else None,
        mean_confidence=round(float(confidences.mean()), 4) if len(confidences) else None,  # type: ignore[arg-type]
        cost=_total(own["cost"]),
        seconds=round(float(seconds.sum()), 1) if len(seconds) else None,
    )


def _total(costs: pl.Series) -> float | None:
    """US dollars; None if no cost is recorded."""
    return round(float(costs.sum()), 4) if costs.null_count() < len(costs) else None


def _compare_labellers(
    last: pl.DataFrame, names: list[str], agree: Callable[[str, str], bool]
) -> list[LabellerPair]:
    """Of each two labellers, the number of images that both labelled, and on how many of these they agree."""
    labels = {
        name: dict(last.filter((pl.col("labeller") == name) & pl.col("target").is_not_null())
                   .select("sha256", "target").iter_rows())
        for name in names
    }  # fmt: skip
    pairs = []
    for first, second in combinations(names, 2):
        both = labels[first].keys() & labels[second].keys()
        if both:
            equal = sum(agree(labels[first][key], labels[second][key]) for key in both)
            pairs.append(LabellerPair(first=first, second=second, images=len(both), agree=equal))
    return pairs


def _read_audit(home: str, history_rows: pl.DataFrame) -> AuditFacts | None:
    """The accuracy from a finished audit; None if there is none, or it is not understood.

    Args:
        home: folder of the data set's own files.
        history_rows: the whole history.
    """
    uri = files.join(home, AUDIT_FILE)
    if not files.exists(uri):
        return None
    try:
        audit = read_audit(uri)
    except PupilaError:
        return None
    report = audit.report
    if report is None or report.random.accuracy.value is None:
        return None
    return AuditFacts(
        accuracy=report.random.accuracy,
        reviewed=report.random.reviewed,
        labels=report.labels,
        more_to_halve=report.random.more_to_halve,
        outdated=not history_rows.slice(audit.sample.history_rows)["annotator"].all(),
    )


def label_section(f: Fingerprint) -> Section | None:
    """Labels by source, confidence, cost, and the agreement of labellers."""
    facts = f.labels
    if facts is None:
        return None
    words = {"annotator": say("annotators"), "machine": say("machines"), "given": say("given with the data"),
             "abstained": say("abstained"), "unlabelled": say("unlabelled")}  # fmt: skip
    drawn = [charts.bars(say("Source of the current labels"),
                         {words[name]: n for name, n in facts.sources.model_dump().items() if n})]  # fmt: skip
    confidences = {name: row.confidence for name, row in facts.labellers.items() if row.confidence}
    if confidences:
        edges = [step / _STEPS for step in range(_STEPS + 1)]
        some = dict(list(confidences.items())[:6])
        drawn.append(charts.histograms(say("Confidence of the labels"), edges, some, say("confidence")))
    header = [say("labeller"), say("type"), say("annotations"), say("images"), say("current"), say("abstained"),
              say("mean confidence"), say("cost"), say("seconds")]  # fmt: skip
    rows = [
        [name, say("annotator") if row.annotator else say("machine"),
         *map(str, (row.annotations, row.images, row.current, row.abstained)),
         _format_optional(row.mean_confidence, 2), _format_cost(row.cost), _format_optional(row.seconds, 0)]
        for name, row in facts.labellers.items()
    ]  # fmt: skip
    tables = [Table(header, rows)]
    if facts.pairs:
        pairs = [[pair.first, pair.second, str(pair.images), str(pair.agree), percent(pair.agree / pair.images)]
                 for pair in facts.pairs]  # fmt: skip
        tables.append(
            Table(
                [
                    say("labeller"),
                    say("other labeller"),
                    say("images labelled by both"),
                    say("agree"),
                    say("share"),
                ],
                pairs,
            )
        )
    more = facts.more_labellers
    notes = (
        [say_count("{n} more labeller is not shown.", "{n} more labellers are not shown.", more)]
        if more
        else []
    )
    return Section(say("Labels by source"), notes, drawn, tables=tables)


def _format_optional(value: float | None, digits: int) -> str:
    return "" if value is None else number(value, digits)


def _format_cost(cost: float | None) -> str:
    return "" if cost is None else f"${number(cost, 2)}"


def label_sources(f: Fingerprint) -> str | None:
    """The sources of the labels, the unlabelled images, and the cost."""
    facts = f.labels
    if facts is None:
        return None
    sources = facts.sources
    counts = (
        (
            sources.annotator,
            say_count(
                "{n} by an annotator",
                "{n} by annotators",
                sources.annotator,
            ),
        ),
        (
            sources.machine,
            say_count(
                "{n} by a machine",
                "{n} by machines",
                sources.machine,
            ),
        ),
        (sources.given, say("{n} given with the data", n=sources.given)),
    )
    shown = [text for count, text in counts if count]
    sentences = [say("Current labels: {counts}.", counts=", ".join(shown) or "0")]
    if unlabelled := sources.abstained + sources.unlabelled:
        sentences.append(say_count("{n} image is unlabelled.", "{n} images are unlabelled.", unlabelled))
    if facts.cost:
        sentences.append(say("Labelling cost ${cost}.", cost=number(facts.cost, 2)))
    return " ".join(sentences)


def audit_result(f: Fingerprint) -> str | None:
    """The accuracy of the machine labels from an audit, or a hint that there was none."""
    facts = f.labels
    if facts is None or not facts.sources.machine:
        return None
    audit = facts.audit
    if audit is None:
        return say(
            "The machine labels are not audited: run pupila label audit DATA to measure their accuracy."
        )
    accuracy = audit.accuracy
    if accuracy.low is None or accuracy.high is None:
        return say_count("The audit reviewed {n} label, too few to estimate the accuracy of the machine labels.",
                         "The audit reviewed {n} labels, too few to estimate the accuracy of the machine labels.",
                         audit.reviewed)  # fmt: skip
    sentence = say_count(
        "The machine labels have accuracy {accuracy} (95 % CI {interval}, audit of n = {n} "
        "label).",
        "The machine labels have accuracy {accuracy} (95 % CI {interval}, audit of n = {n} "
        "labels).",
        audit.reviewed, accuracy=accuracy.value_text(), interval=accuracy.interval_text(),
    )  # fmt: skip
    if not audit.outdated:
        return sentence
    outdated = say(
        "Machine labels were added after the audit: repeat it with pupila label audit DATA --again."
    )
    return f"{sentence} {outdated}"


def labeller_disagreement(f: Fingerprint) -> str | None:
    """The two labellers that disagree most often."""
    pairs = [pair for pair in (f.labels.pairs if f.labels else []) if pair.agree < pair.images]
    if not pairs:
        return None
    worst = min(pairs, key=lambda pair: pair.agree / pair.images)
    return say_count(
        "{first} and {second} agree on {agree} of the {n} image that both labelled.",
        "{first} and {second} agree on {agree} of the {n} images that both labelled.",
        worst.images, first=worst.first, second=worst.second, agree=worst.agree,
    )  # fmt: skip
