"""Groups in file names: found in drawn schemes and in real data, and not where names tell nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import pupila
from pupila.artifacts.dataset.name_groups.comparison import Source
from pupila.artifacts.dataset.name_groups.expression import Names
from pupila.artifacts.dataset.name_groups.likeness import measure_likeness
from pupila.artifacts.dataset.name_groups.proposal import GroupProposal, propose_groups
from tests.artifacts.dataset.name_schemes import Scheme, draw_scheme, draw_videos

SCHEMES = 60
SHUFFLES = 100


def number_partition(groups: Names | tuple[str | None, ...] | list[int]) -> list[int]:
    """Equal lists for equal partitions."""
    first: dict[object, int] = {}
    return [first.setdefault(group, len(first)) for group in groups]


def propose(number: int, folder: Path) -> tuple[Scheme, list[int], GroupProposal | None]:
    """A drawn scheme, its groups in the order of the rows, and what is proposed for it."""
    scheme, generator = draw_scheme(number)
    scheme.write(folder, generator)
    data = pupila.open(folder, task="classify")
    group = dict(zip(scheme.paths, scheme.groups, strict=True))
    return scheme, [group[image] for image in data.images["image"]], data.group_proposal


@pytest.mark.parametrize("number", [0, 2, 4, 5, 33])
def test_groups_of_drawn_names_are_found(number: int, tmp_path: Path) -> None:
    scheme, groups, proposal = propose(number, tmp_path)
    assert proposal is not None, scheme.name
    assert number_partition(proposal.groups) == number_partition(groups), (scheme.name, proposal.by)
    assert proposal.likeness.excess > 0.5 and proposal.likeness.p_value <= 0.001


@pytest.mark.slow
def test_of_sixty_schemes_nearly_all_are_found_and_none_is_wrong(tmp_path: Path) -> None:
    right, wrong = 0, []
    for number in range(SCHEMES):
        scheme, groups, proposal = propose(number, tmp_path / str(number))
        if proposal is None:
            continue
        if number_partition(proposal.groups) == number_partition(groups):
            right += 1
        else:
            wrong.append((number, scheme.name, proposal.by))
    assert not wrong
    assert right >= SCHEMES - 3


def drawn_source(number: int) -> Source:
    """Random images of three classes under the shuffled names of a drawn scheme."""
    scheme, generator = draw_scheme(number)
    order = generator.permutation(len(scheme.paths))
    backgrounds = generator.integers(0, 256, (int(max(scheme.groups)) + 1, 8, 8, 3), dtype=np.uint8)
    colour = backgrounds[np.array(scheme.groups)].repeat(6, axis=1).repeat(6, axis=2)
    colour = np.clip(colour + generator.normal(0, 12, colour.shape), 0, 255).astype(np.uint8)
    grey = colour.mean(axis=3).astype(np.uint8)[:, np.arange(64) * 48 // 64][:, :, np.arange(64) * 48 // 64]
    labels = [str(scheme.classes[row]) for row in order]
    return Source([scheme.paths[row] for row in order], labels, np.array(scheme.classes)[order],
                  lambda rows: grey[rows], lambda rows: colour[rows])  # fmt: skip


@pytest.mark.parametrize("sets", [10, pytest.param(SHUFFLES, marks=pytest.mark.slow)])
def test_shuffled_names_are_no_groups(sets: int) -> None:
    proposals = [propose_groups(drawn_source(9000 + number)) for number in range(sets)]
    assert sum(proposal is not None for proposal in proposals) <= sets // 20


def test_likeness_has_the_counted_shares() -> None:
    # Six images of one class in groups of two: 0-1 and 2-3 are each other's nearest, 4 and 5 are near to 0 and 1.
    nearest, groups = np.array([1, 0, 3, 2, 0, 1]), np.array([0, 0, 1, 1, 2, 2])
    likeness = measure_likeness(nearest, groups, np.zeros(6, dtype=np.int64), least=2.0)
    # By chance another image is of the same group in one of five cases.
    assert likeness.alike == pytest.approx(4 / 6)
    assert likeness.by_chance == pytest.approx(0.2)
    assert likeness.excess == pytest.approx((4 / 6 - 0.2) / 0.8)
    assert likeness.p_value == 1.0  # below the least excess no test is made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("magnetic_tile", 245, 265), ("sign_digits", 210, 230), ("grocery_packages", 31, 31), ("dubai_aerial", 8, 8)],
)  # fmt: skip
def test_groups_of_real_data_are_found(
    real_data: Callable[[str], Path], name: str, least: int, most: int
) -> None:
    proposal = pupila.open(real_data(name)).group_proposal
    assert proposal is not None
    assert least <= len(proposal.sizes) <= most
    assert proposal.likeness.p_value <= 0.001


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ants_bees", "dsb2018_nuclei", "brain_mri", "crackforest", "flood_area"])
def test_names_that_tell_nothing_have_no_groups(real_data: Callable[[str], Path], name: str) -> None:
    assert pupila.open(real_data(name)).group_proposal is None


@pytest.mark.parametrize("changes", [True, False])
def test_few_groups_are_proposed_for_videos_alone(changes: bool, tmp_path: Path) -> None:
    """Three series of frames that follow each other are groups; three conditions (camera, side) are not."""
    draw_videos(changes).write(tmp_path, np.random.default_rng(5))
    proposal = pupila.open(tmp_path, task="classify").group_proposal
    assert (None if proposal is None else proposal.sizes) == ([40, 40, 40] if changes else None)


def test_a_proposal_is_searched_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, first = propose(5, tmp_path)
    monkeypatch.setattr("pupila.artifacts.dataset.name_groups.proposal.propose_groups", None)
    assert first is not None and pupila.open(tmp_path).group_proposal == first


def test_sessions_of_dates_with_times_and_copies_of_an_image_are_found(tmp_path: Path) -> None:
    generator = np.random.default_rng(11)
    sessions, copies = Scheme("sessions"), Scheme("copies")
    time = datetime(2021, 3, 1, 23, tzinfo=UTC)
    for group in range(12):
        time += timedelta(hours=int(generator.integers(1, 30)))
        for _ in range(4):
            time += timedelta(seconds=int(generator.integers(3, 60)))
            sessions.add(f"{time:%Y%m%d_%H%M%S}", group, int(generator.integers(3)))
        for suffix in ("", "_flip", "_bright"):
            copies.add(f"img{group:03d}{suffix}", group, 0)
    for scheme in (sessions, copies):
        scheme.write(tmp_path / scheme.name, generator)
        data = pupila.open(tmp_path / scheme.name)
        group_of = dict(zip(scheme.paths, scheme.groups, strict=True))
        assert data.group_proposal is not None, scheme.name
        groups = [group_of[image] for image in data.images["image"]]
        assert number_partition(data.group_proposal.groups) == number_partition(groups)
