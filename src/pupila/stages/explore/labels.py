"""Who labelled what: labels by source, confidence and cost, where labellers disagree, and what an audit found."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from pupila.artifacts.dataset.labels import history, in_force
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report import charts
from pupila.artifacts.report.page import Section, Table
from pupila.core import files
from pupila.core.messages import say, say_count
from pupila.core.vocabulary import AUDIT_FILE

MOST_LABELLERS = 12  # told one by one, those with most answers
_STEPS = 20  # bins of confidence

Facts = dict[str, Any]


def label_facts(data: Dataset) -> Facts | None:
    """The part of the fingerprint; None where nobody labelled anything here."""
    whole = history(data.home)
    told = whole.filter(pl.col("sha256").is_in(data.images["sha256"].unique().to_list()))
    if told.is_empty():
        return None
    force = in_force(told)
    by_hash = {sha256: (person, target) for sha256, person, target
               in force.select("sha256", "person", "target").iter_rows()}  # fmt: skip
    sources = {"person": 0, "machine": 0, "given": 0, "unsure": 0, "none": 0}
    for sha256, target, given in data.images.select("sha256", "target", "given_target").iter_rows():
        sources[_source(by_hash.get(sha256), target, given)] += 1
    last = told.group_by("labeller", "sha256", maintain_order=True).last()
    counts = told["labeller"].value_counts(sort=True)["labeller"].to_list()
    return {
        "sources": sources,
        "answers": told.height,
        "cost": _total(told["cost"]),
        "labellers": {name: _labeller(name, told, force) for name in counts[:MOST_LABELLERS]},
        "more_labellers": max(len(counts) - MOST_LABELLERS, 0),
        "pairs": [] if data.legend is not None else _pairs(last, counts[:MOST_LABELLERS]),
        "audit": _audit(data.home, whole),
    }


def _source(said: tuple[bool, str | None] | None, target: str | None, given: str | None) -> str:
    """Where the label in force of one image comes from."""
    if said is not None and said[0]:
        return "unsure" if said[1] is None else "person"
    if target is None:
        return "unsure" if said is not None else "none"
    return "machine" if given is None else "given"


def _labeller(name: str, told: pl.DataFrame, force: pl.DataFrame) -> Facts:
    own = told.filter(pl.col("labeller") == name)
    sure = own["confidence"].drop_nulls()
    seconds = own["seconds"].drop_nulls()
    counts, _ = np.histogram(sure.to_numpy(), np.linspace(0, 1, _STEPS + 1))
    return {
        "person": bool(own["person"].any()),
        "answers": own.height,
        "images": own["sha256"].n_unique(),
        "in_force": force.filter(pl.col("labeller") == name).height,
        "unsure": int(own["target"].null_count()),
        "confidence": counts.tolist() if len(sure) else None,
        "mean_confidence": round(float(sure.mean()), 4) if len(sure) else None,  # type: ignore[arg-type]
        "cost": _total(own["cost"]),
        "seconds": round(float(seconds.sum()), 1) if len(seconds) else None,
    }


def _total(costs: pl.Series) -> float | None:
    """US dollars; None where nobody told any."""
    return round(float(costs.sum()), 4) if costs.null_count() < len(costs) else None


def _pairs(last: pl.DataFrame, names: list[str]) -> list[Facts]:
    """Of each two labellers, on how many images both were sure, and on how many of these they agree."""
    said = {
        name: dict(last.filter((pl.col("labeller") == name) & pl.col("target").is_not_null())
                   .select("sha256", "target").iter_rows())
        for name in names
    }  # fmt: skip
    found = []
    for first, second in combinations(names, 2):
        both = said[first].keys() & said[second].keys()
        if both:
            agree = sum(said[first][key] == said[second][key] for key in both)
            found.append({"first": first, "second": second, "both": len(both), "agree": agree})
    return found


def _audit(home: str, told: pl.DataFrame) -> Facts | None:
    """What a finished audit says; None where there is none, or nothing that is understood: its own page tells all.

    Args:
        home: folder of the data set's own files.
        told: the whole history.
    """
    uri = files.join(home, AUDIT_FILE)
    if not files.exists(uri):
        return None
    found = files.read_json(uri)
    drawn = found.get("random") if isinstance(found, Mapping) else None
    if not isinstance(drawn, Mapping) or not isinstance(drawn.get("accuracy"), Mapping):
        return None
    value, low, high = (drawn["accuracy"].get(key) for key in ("value", "low", "high"))
    if not isinstance(value, int | float):
        return None
    whole = isinstance(low, int | float) and isinstance(high, int | float)
    return {"accuracy": value, "low": low if whole else None, "high": high if whole else None,
            "answered": int(drawn.get("answered") or 0), "labels": int(found.get("labels") or 0),
            "more_to_halve": drawn.get("more_to_halve"), "earlier": _earlier(found, told)}  # fmt: skip


def _earlier(audit: Mapping[str, Any], told: pl.DataFrame) -> bool:
    """Whether machines labelled after the audit was drawn."""
    draw = audit.get("draw")
    rows = draw.get("rows") if isinstance(draw, Mapping) else None
    return isinstance(rows, int) and not told.slice(rows)["person"].all()


def label_section(f: Facts) -> Section | None:
    """Labels by source, how sure the machines were, what it cost, and where labellers disagree."""
    told = f["labels"]
    if told is None:
        return None
    words = {"person": say("a person"), "machine": say("a machine"), "given": say("came with the data"),
             "unsure": say("unsure"), "none": say("nobody")}  # fmt: skip
    drawn = [charts.bars(say("Who said the label in force"),
                         {words[name]: n for name, n in told["sources"].items() if n})]  # fmt: skip
    sure = {name: row["confidence"] for name, row in told["labellers"].items() if row["confidence"]}
    if sure:
        edges = [step / _STEPS for step in range(_STEPS + 1)]
        some = dict(list(sure.items())[:6])
        drawn.append(charts.histograms(say("Confidence of the answers"), edges, some, say("confidence")))
    header = [say("labeller"), say("is"), say("answers"), say("images"), say("in force"), say("unsure"),
              say("mean confidence"), say("cost"), say("seconds")]  # fmt: skip
    rows = [
        [name, say("a person") if row["person"] else say("a machine"),
         *(str(row[key]) for key in ("answers", "images", "in_force", "unsure")),
         _shown(row["mean_confidence"], "{:.2f}"), _shown(row["cost"], "${:.2f}"), _shown(row["seconds"], "{:.0f}")]
        for name, row in told["labellers"].items()
    ]  # fmt: skip
    tables = [Table(header, rows)]
    if told["pairs"]:
        pairs = [[pair["first"], pair["second"], str(pair["both"]), str(pair["agree"]),
                  f"{pair['agree'] / pair['both']:.1%}"] for pair in told["pairs"]]  # fmt: skip
        tables.append(
            Table([say("labeller"), say("and"), say("images of both"), say("agree"), say("share")], pairs)
        )
    more = told["more_labellers"]
    notes = [say("{n} more labellers are not shown.", n=more)] if more else []
    return Section(say("Labels by source"), notes, drawn, tables=tables)


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def labelled_by(f: Facts) -> str | None:
    """Where the labels come from, and what they cost."""
    told = f["labels"]
    if told is None:
        return None
    words = {"person": say("persons"), "machine": say("machines"), "given": say("what came with the data")}
    who = ", ".join(f"{words[name]} {told['sources'][name]}" for name in words if told["sources"][name])
    open_ = told["sources"]["unsure"] + told["sources"]["none"]
    paid = say(" They cost ${cost:.2f}.", cost=told["cost"]) if told["cost"] else ""
    left = say_count(" One image is open.", " {n} images are open.", open_) if open_ else ""
    return say("The labels in force come from {who}.", who=who or say("nobody")) + left + paid


def audited(f: Facts) -> str | None:
    """What an audit found of the machines' labels, or that there was none."""
    told = f["labels"]
    if told is None or not told["sources"]["machine"]:
        return None
    audit = told["audit"]
    if audit is None:
        return say("Nobody audited the machines' labels: pupila label audit DATA tells how many are right.")
    if audit["low"] is None:
        return say("The audit has too few answers to tell how many of the machines' labels are right ({n}).",
                   n=audit["answered"])  # fmt: skip
    found = say(
        "An audit of {n} labels found {share:.1%} of the machines' labels right, 95 % interval {low:.1%} to "
        "{high:.1%}.",
        n=audit["answered"], share=audit["accuracy"], low=audit["low"], high=audit["high"],
    )  # fmt: skip
    if not audit["earlier"]:
        return found
    later = say("That is of earlier labels, machines said more since: pupila label audit DATA --again.")
    return f"{found} {later}"


def disagreement(f: Facts) -> str | None:
    """The two labellers that disagree most often."""
    pairs = [pair for pair in (f["labels"] or {"pairs": []})["pairs"] if pair["agree"] < pair["both"]]
    if not pairs:
        return None
    worst = min(pairs, key=lambda pair: pair["agree"] / pair["both"])
    return say(
        "{first} and {second} agree on {agree} of {both} images that both labelled.",
        first=worst["first"], second=worst["second"], agree=worst["agree"], both=worst["both"],
    )  # fmt: skip
