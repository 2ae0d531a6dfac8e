"""The audit of machines' labels: drawn, asked, judged, and written as `audit.json` and `audit.html`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, NonNegativeInt

from pupila.artifacts.dataset.labels import history
from pupila.artifacts.dataset.manifest import Dataset
from pupila.artifacts.report.page import render
from pupila.artifacts.web.local import run_local
from pupila.core import files
from pupila.core.errors import PupilaError
from pupila.core.messages import listing, say
from pupila.core.settings import Settings
from pupila.core.vocabulary import AUDIT_FILE, AUDIT_PAGE_FILE
from pupila.stages.label.review.accuracy import Audit, judge
from pupila.stages.label.review.app import review_app
from pupila.stages.label.review.audit_page import audit_page
from pupila.stages.label.review.sample import Draw, check, machine_labels, questions
from pupila.stages.label.review.session import Review, Whose, answers

WHY = "audit"
SAMPLE, DOUBTFUL = 100, 20


class AuditSettings(Settings):
    """What is asked."""

    sample: NonNegativeInt | None = Field(
        default=None,
        description="pictures that are drawn at random; null: 100, or as many as in the draw that goes on",
    )
    doubtful: NonNegativeInt | None = Field(
        default=None,
        description="further pictures, those that the machine doubted most; null: 20, or as many as before",
    )
    seed: NonNegativeInt | None = Field(
        default=None, description="decides the draw; null: 0, or that of the draw that goes on"
    )
    classes: tuple[str, ...] = Field(
        default=(), description="further answers, of which the machine gave none"
    )
    again: bool = Field(default=False, description="draw anew, of the labels that are in force now")


@dataclass(frozen=True, slots=True)
class Audited:
    """What was found, and where it lies."""

    audit: Audit
    file: str
    page: str


def audit(
    data: Dataset, settings: AuditSettings, name: str, port: int | None, tell: Callable[[str], None]
) -> Audited:
    """Ask a person about labels, blind, until all is answered or Ctrl-C; then judge what was answered so far.

    Args:
        data: the data set.
        settings: what is asked. A draw that was begun goes on, with more pictures where more are wished.
        name: of the person, for the history; by default the user's of this machine.
        port: of the page; 0 takes a free one; None asks nothing and judges alone.
        tell: is given the page's address.

    Raises:
        PupilaError: no machine's label is there; nothing was drawn yet, or another draw is wished, and nothing is to be
            asked; or a seed that is not that of the draw that goes on.
    """
    draw = _draw(data, settings, begin=port is not None)
    if port is not None:
        labels = machine_labels(data, history(data.home), draw.rows)
        whose = Whose(data.home, name, WHY, draw.rows)
        review = Review(
            questions(labels, draw), _classes(data, labels["said"].to_list(), settings.classes), whose
        )
        if review.current is not None:
            title = say("Audit of {n} labels", n=len(review.questions))
            run_local(lambda stop: review_app(review, data, title, stop), port, tell)
    return _report(data, draw, settings.classes)


def _draw(data: Dataset, settings: AuditSettings, begin: bool) -> Draw:
    """The draw that was begun, or a new one; it is written before the first question."""
    uri = files.join(data.home, AUDIT_FILE)
    before = files.read_json(uri) if files.exists(uri) else None
    old = None if before is None else Draw(**before["draw"])
    _check_wish(settings, old, begin)
    if old is None and not begin:
        raise PupilaError(
            say("No audit was begun"), found=data.home, wanted=AUDIT_FILE, remedy="pupila label audit DATA"
        )
    told = history(data.home)
    if old is None or settings.again:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        sample = SAMPLE if settings.sample is None else settings.sample
        doubtful = DOUBTFUL if settings.doubtful is None else settings.doubtful
        draw = Draw(settings.seed or 0, sample, doubtful, told.height, now)
    else:
        more = max(old.sample, settings.sample or 0), max(old.doubtful, settings.doubtful or 0)
        draw = Draw(old.seed, *more, old.rows, old.time) if begin else old
    check(machine_labels(data, told, draw.rows), data)
    if draw != old:
        files.write_json(uri, {"draw": asdict(draw), "earlier": _earlier(before, settings.again)})
    return draw


def _check_wish(settings: AuditSettings, old: Draw | None, begin: bool) -> None:
    """Refuse what would be passed over in silence."""
    fields = {"--again": settings.again or None, "--sample": settings.sample, "--doubtful": settings.doubtful,
              "--seed": settings.seed}  # fmt: skip
    wished = [name for name, value in fields.items() if value is not None]
    if not begin and wished:
        raise PupilaError(
            say("A report draws nothing"), found=listing(wished), wanted=say("--report without them"),
            remedy=say("leave out --report, or them"),
        )  # fmt: skip
    if old is not None and not settings.again and settings.seed not in (None, old.seed):
        raise PupilaError(
            say("The draw that was begun has another seed"), found=f"--seed {settings.seed}",
            wanted=f"--seed {old.seed}", remedy=say("--again draws anew"),
        )  # fmt: skip


def _earlier(before: dict[str, Any] | None, again: bool) -> list[Any]:
    """The audits before this draw, the first one first; each tells its own draw with its time."""
    if before is None:
        return []
    ended = [{name: told for name, told in before.items() if name != "earlier"}] if again else []
    return [*before.get("earlier", []), *ended]


def _classes(data: Dataset, said: Sequence[str | None], further: Sequence[str]) -> list[str]:
    """What may be answered, in order; nothing where masks are judged."""
    if data.legend is not None:
        return []
    return sorted({*data.classes, *(name for name in said if name is not None), *further})


def _report(data: Dataset, draw: Draw, further: Sequence[str]) -> Audited:
    told = history(data.home)
    labels = machine_labels(data, told, draw.rows)
    asked, given = questions(labels, draw), answers(told, draw.rows, WHY)
    said = [one.said for one in asked] + [one.target for one in given.values()]
    names = _classes(data, said, further)
    found = judge(labels, draw, asked, given, data.components(), names)
    file, page = files.join(data.home, AUDIT_FILE), files.join(data.home, AUDIT_PAGE_FILE)
    files.write_json(file, {**found, "earlier": files.read_json(file).get("earlier", [])})
    files.write_bytes(page, render(audit_page(found, data)).encode())
    return Audited(found, file, page)
