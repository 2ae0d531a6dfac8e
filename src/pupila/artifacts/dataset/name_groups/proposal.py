"""The proposal: of all candidates the groups that explain best which images are alike."""

import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pupila.artifacts.dataset.name_groups.candidates import Candidate, find_candidates, read_expression
from pupila.artifacts.dataset.name_groups.comparison import Comparison, Source
from pupila.artifacts.dataset.name_groups.likeness import Likeness
from pupila.core import files
from pupila.core.messages import percent, say, say_images
from pupila.core.progress import progress
from pupila.statistics.estimate import p_text

METHOD = "4"  # changes whenever the same images could give another proposal: part of the cache key
LEAST_EXCESS = 0.2  # of the images whose most similar one is of their group, above chance
MOST_P_VALUE = 0.001  # p-value of a candidate that is accepted
AS_ALIKE = 0.75  # share of the finer groups' likeness that the coarser keep across them, to be taken instead
APART = 0.6  # likeness of neighbours across the border of two runs, as a share of that within them, at most
SLOW = 0.15  # likeness of consecutive images above that of any two of their video, at least
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class GroupProposal:
    """Groups that are likely in the file names, and the expression that names them."""

    by: str  # for `--by`
    groups: tuple[str | None, ...]  # N names, as `--by` reads them
    likeness: Likeness

    @property
    def sizes(self) -> list[int]:
        """Images of each group, the largest first."""
        return sorted(Counter(self.groups).values(), reverse=True)

    @property
    def spread(self) -> str:
        """The images of the smallest and of the largest group, in words."""
        sizes = self.sizes
        most = say_images(sizes[0])
        return most if sizes[0] == sizes[-1] else say("{least} to {most}", least=sizes[-1], most=most)

    @property
    def option(self) -> str:
        """What the user types."""
        return f"--by {shlex.quote(self.by)}"

    def describe(self) -> str:
        """The groups and the evidence, in sentences."""
        names = [str(name) for name, _ in Counter(self.groups).most_common(_EXAMPLES)]
        groups = say("Groups are likely in the file names: {option} makes {n} groups of {sizes}, such as {names}.",
                     option=self.option, n=len(self.sizes), sizes=self.spread, names=", ".join(names))  # fmt: skip
        return f"{groups} {self.evidence}"

    @property
    def evidence(self) -> str:
        """How alike the images of a group are, in a sentence."""
        return say(
            "The most similar other image is of the same group for {share} of the images, by chance for {chance} "
            "({p}, shuffled within classes).", share=percent(self.likeness.alike),
            chance=percent(self.likeness.by_chance), p=p_text(self.likeness.p_value),
        )  # fmt: skip


def find_proposal(source: Source, key: str) -> GroupProposal | None:
    """The groups that are likely in the names, searched for once and then cached; None where there are none.

    Args:
        source: names, classes and copies of the images.
        key: of the data: equal keys have equal proposals.
    """
    path = files.cache_folder() / "name_groups" / f"{files.sha256(json.dumps([METHOD, key]).encode())}.json"
    if (content := files.read_from_cache(path)) is not None:
        try:
            return _load(source, json.loads(content))
        except (ValueError, TypeError, KeyError):
            pass  # of another Pupila
    with progress(say("searching for groups in names, percent"), 100) as advance:
        proposal = propose_groups(source, lambda share: advance(100 * share))
    stored = None if proposal is None else {"by": proposal.by, "likeness": asdict(proposal.likeness)}
    files.write_to_cache(path, json.dumps({"proposal": stored}).encode())
    return proposal


def _load(source: Source, content: dict[str, Any]) -> GroupProposal | None:
    stored = content["proposal"]
    if stored is None:
        return None
    groups = read_expression(source.images, source.labels, stored["by"])
    if groups is None:
        raise ValueError(stored["by"])
    return GroupProposal(stored["by"], tuple(groups), Likeness(**stored["likeness"]))


def propose_groups(
    source: Source, advance: Callable[[float], None] = lambda share: None
) -> GroupProposal | None:
    """The groups that are likely in the names; None where there are none.

    Args:
        source: names, classes and copies of the images.
        advance: called with further shares of the work that are finished, 1 in all.
    """
    candidates = find_candidates(source.images, source.labels)
    comparison = Comparison(source)
    accepted: list[tuple[Candidate, Likeness]] = []
    for candidate in candidates:
        likeness = comparison.measure(candidate, LEAST_EXCESS)
        alike = likeness.excess >= LEAST_EXCESS and likeness.p_value <= MOST_P_VALUE
        if alike and _has_structure(comparison, candidate):
            accepted.append((candidate, likeness))
        advance(1 / len(candidates))
    if not accepted:
        return None
    best, likeness = max(_drop_nested(comparison, accepted), key=lambda each: comparison.explanation(each[0]))
    groups = read_expression(source.images, source.labels, best.by)
    assert groups is not None, best.by
    return GroupProposal(best.by, tuple(groups), likeness)


def _has_structure(comparison: Comparison, candidate: Candidate) -> bool:
    """Whether runs end where images change, and few groups are videos."""
    if candidate.is_series:
        return not candidate.is_sequence and comparison.series_likeness(candidate) >= SLOW
    return not candidate.is_sequence or comparison.border_likeness(candidate) <= APART


def _drop_nested(
    comparison: Comparison, accepted: Sequence[tuple[Candidate, Likeness]]
) -> Iterable[tuple[Candidate, Likeness]]:
    """Of groups within groups: the coarser where they are about as alike across the finer, else the finer.

    The more images the coarser explain beyond the finer, the less alike they have to be.
    """
    dropped: set[int] = set()
    for a, (finer, inner) in enumerate(accepted):
        for b, (coarse, outer) in enumerate(accepted):
            if a != b and finer.is_within(coarse):
                across = comparison.retained_likeness(finer, coarse) * outer.excess
                dropped.add(a if across >= AS_ALIKE * inner.excess else b)
    return [each for place, each in enumerate(accepted) if place not in dropped] or accepted
