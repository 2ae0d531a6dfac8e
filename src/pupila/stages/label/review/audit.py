"""The audit of machine labels: draw a sample, review it, and write `audit.json` and `audit.html`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import Field, NonNegativeInt

from pupila.artifacts.dataset.labelling.history import read_settled_history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.audit import Audit, AuditReport, AuditRound, Sample, read_audit
from pupila.artifacts.report.page import render
from pupila.artifacts.web.local import run_local
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say, say_count
from pupila.core.settings import Settings
from pupila.core.vocabulary import AUDIT_FILE, AUDIT_PAGE_FILE
from pupila.stages.label.review.accuracy import measure_accuracy
from pupila.stages.label.review.app import make_review_app
from pupila.stages.label.review.audit_page import audit_page
from pupila.stages.label.review.sample import check_machine_labels, draw_items, read_machine_labels
from pupila.stages.label.review.session import Review, ReviewContext, read_answers
from pupila.stages.label.review.tasks import review_task

PURPOSE = "audit"
DEFAULT_RANDOM, DEFAULT_UNCERTAIN = 100, 20


class AuditSettings(Settings):
    """The sample and the possible answers of an audit."""

    sample: NonNegativeInt | None = Field(
        default=None,
        description="images drawn at random; null: 100, or the number of the resumed audit",
    )
    uncertain: NonNegativeInt | None = Field(
        default=None,
        description="further images, those of lowest confidence; null: 20, or the number of the resumed audit",
    )
    seed: NonNegativeInt | None = Field(
        default=None, description="seed of the random sample; null: 0, or the seed of the resumed audit"
    )
    extra_classes: tuple[str, ...] = Field(default=(), description="additional classes to choose from")
    again: bool = Field(default=False, description="draw a new sample from the current labels")


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The result of an audit, and its files."""

    audit: Audit  # the content of `file`
    report: AuditReport
    file: str
    page: str


def audit(
    data: Dataset, settings: AuditSettings, reviewer: str, port: int | None, on_address: Callable[[str], None]
) -> AuditResult:
    """Run a blind review until all items are answered or Ctrl-C, then measure the accuracy from the answers so far.

    Args:
        data: the data set.
        settings: sample and classes. An unfinished audit resumes; a larger sample adds images to it.
        reviewer: name for the history; empty: the user of this machine.
        port: of the page; 0 takes a free one; None: no review, only the report.
        on_address: receives the address of the page.

    Raises:
        PupilaError: no machine labels; a report without a sample, or with settings of one; another seed than the
            resumed audit has; or an `audit.json` of an old schema.
    """
    sample = _load_sample(data, settings, begin=port is not None)
    if port is not None:
        labels = read_machine_labels(data, read_settled_history(data), sample.history_rows)
        context = ReviewContext(data.home, reviewer, PURPOSE, sample.history_rows)
        task = review_task(data, labels["label"].to_list(), settings.extra_classes)
        review = Review(draw_items(labels, sample), task, context)
        if review.current is not None:
            title = say_count(
                "Audit of {n} label",
                "Audit of {n} labels",
                len(review.items),
            )
            run_local(lambda stop: make_review_app(review, data, title, stop), port, on_address)
    return _write_report(data, sample, settings.extra_classes)


def _load_sample(data: Dataset, settings: AuditSettings, begin: bool) -> Sample:
    """The sample of the resumed audit, or a new one; it is saved before the first question."""
    uri = files.join(data.home, AUDIT_FILE)
    before = read_audit(uri) if files.exists(uri) else None
    old = None if before is None else before.sample
    _check_settings(settings, old, begin)
    if old is None and not begin:
        raise PupilaError(
            say("There is no audit to report"),
            actual=data.home,
            expected=AUDIT_FILE,
            remedy="pupila label audit DATA",
        )
    labels = read_settled_history(data)
    if old is None or settings.again:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        random = DEFAULT_RANDOM if settings.sample is None else settings.sample
        uncertain = DEFAULT_UNCERTAIN if settings.uncertain is None else settings.uncertain
        sample = Sample(
            seed=settings.seed or 0, random=random, uncertain=uncertain, history_rows=labels.height, time=now
        )  # fmt: skip
    else:
        sizes = {
            "random": max(old.random, settings.sample or 0),
            "uncertain": max(old.uncertain, settings.uncertain or 0),
        }
        sample = old.model_copy(update=sizes) if begin else old
    check_machine_labels(read_machine_labels(data, labels, sample.history_rows), data)
    if sample != old:
        files.write_json(
            uri, Audit(sample=sample, previous=_previous_rounds(before, settings.again)).as_dict()
        )
    return sample


def _check_settings(settings: AuditSettings, old: Sample | None, begin: bool) -> None:
    """Refuse settings that would have no effect."""
    fields = {"--again": settings.again or None, "--sample": settings.sample, "--uncertain": settings.uncertain,
              "--seed": settings.seed}  # fmt: skip
    given = [name for name, value in fields.items() if value is not None]
    if not begin and given:
        raise PupilaError(
            say("--report draws no sample, so these flags have no effect"), actual=listing(given),
            expected=say("--report without them"), remedy=say("leave out --report or these flags"),
        )  # fmt: skip
    if old is not None and not settings.again and settings.seed not in (None, old.seed):
        raise PupilaError(
            say("The audit was started with another seed"), actual=f"--seed {settings.seed}",
            expected=f"--seed {old.seed}", remedy=say("add --again to draw a new sample"),
        )  # fmt: skip


def _previous_rounds(before: Audit | None, again: bool) -> list[AuditRound]:
    """The rounds with previous samples, the oldest first."""
    if before is None:
        return []
    ended = [AuditRound(sample=before.sample, report=before.report)] if again else []
    return [*before.previous, *ended]


def _write_report(data: Dataset, sample: Sample, further: tuple[str, ...]) -> AuditResult:
    history = read_settled_history(data)
    labels = read_machine_labels(data, history, sample.history_rows)
    items, answers = draw_items(labels, sample), read_answers(history, sample.history_rows, PURPOSE)
    targets = [item.label for item in items] + [answer.target for answer in answers.values()]
    task = review_task(data, targets, further)
    report = measure_accuracy(labels, items, answers, data.components(), task)
    file, page = files.join(data.home, AUDIT_FILE), files.join(data.home, AUDIT_PAGE_FILE)
    content = Audit(sample=sample, report=report, previous=read_audit(file).previous)
    files.write_json(file, content.as_dict())
    files.write_bytes(page, render(audit_page(report, data, task)).encode())
    return AuditResult(content, report, file, page)
