"""What a split says where groups are likely in the file names, and `--by auto`, which takes them."""

import shutil
from pathlib import Path

import pytest

import pupila
from pupila.artifacts.dataset.splits import SplitFile
from pupila.cli.run import run
from pupila.core.errors import PupilaError
from pupila.stages.split.audit import find_likely_groups
from pupila.stages.train.introduction import describe_split
from tests.artifacts.dataset.name_schemes import draw_scheme
from tests.pictures import write_classes


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bursts of numbers, each before its own background."""
    folder = tmp_path_factory.mktemp("named")
    scheme, generator = draw_scheme(5)
    scheme.write(folder, generator)
    return folder


def test_likely_groups_in_two_splits_are_counted(named: Path, tmp_path: Path) -> None:
    data = pupila.open(named)
    split_file = pupila.split(data, out=tmp_path)
    likely, proposal = split_file.likely_groups, data.group_proposal
    assert proposal is not None and likely is not None
    train = {g for g, a in zip(proposal.groups, split_file.images, strict=True) if a.split == "train"}
    test = [g for g, a in zip(proposal.groups, split_file.images, strict=True) if a.split == "test"]
    assert (likely.by, likely.evaluated, likely.divided) == (
        proposal.by,
        len(test),
        sum(g in train for g in test),
    )
    assert (
        likely.divided and "--by auto --replace" in likely.describe() and proposal.option in likely.describe()
    )
    assert likely.describe() in describe_split(split_file)
    assert SplitFile.read(str(tmp_path)) == split_file


def test_auto_keeps_the_likely_groups_together(named: Path, tmp_path: Path) -> None:
    data = pupila.open(named)
    split_file = pupila.split(data, by="auto", out=tmp_path)
    assert data.group_proposal is not None
    assert split_file.settings.by == data.group_proposal.by
    assert data.group_proposal.by in split_file.origin
    split_of: dict[str | None, set[str]] = {}
    for group, row in zip(data.group_proposal.groups, split_file.images, strict=True):
        split_of.setdefault(group, set()).add(row.split)
    assert all(len(splits) == 1 for splits in split_of.values())
    assert split_file.likely_groups is None  # they are known now
    again = pupila.split(data, by=data.group_proposal.by, out=tmp_path)
    assert again.hash == split_file.hash


def test_a_given_split_is_drawn_again_to_keep_groups_together(named: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(named, tmp_path / "given")
    scheme, _ = draw_scheme(5)
    rows = [(path, "train" if number % 3 else "test") for number, path in enumerate(scheme.paths)]
    table = folder / "rows.csv"
    table.write_text(
        "\n".join(["image,label,split", *(f"{path},{path.split('/')[0]},{split}" for path, split in rows)])
    )
    likely = pupila.split(table).likely_groups
    assert likely is not None and likely.divided and "--by auto --ignore-given --replace" in likely.describe()


def test_without_groups_in_the_names_none_are_known(tmp_path: Path) -> None:
    data = pupila.open(write_classes(tmp_path, {"cat": 20, "dog": 20}))
    split_file = pupila.split(data)
    assert split_file.likely_groups is not None
    assert split_file.likely_groups.describe().startswith("No groups are known")
    with pytest.raises(PupilaError, match="no groups are likely"):
        pupila.split(data, by="auto", replace=True)


def test_the_command_does_not_call_likely_groups_clean(
    named: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["split", str(named), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "clean as to duplicates alone" in printed and "no group is in two splits" not in printed
    assert "--by auto --replace keeps groups together" in printed
    assert run(["split", str(named), "--by", "auto", "--dry-run"]) == 0
    assert "No duplicate and no group is in two splits" in capsys.readouterr().out
    plain = write_classes(tmp_path, {"cat": 10, "dog": 10})
    assert run(["split", str(plain), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "No groups are known" in printed and "no group is in two splits" not in printed


def test_groups_between_train_and_validation_or_between_folds_are_counted_too(named: Path) -> None:
    data = pupila.open(named)
    assert data.group_proposal is not None
    groups = data.group_proposal.groups
    first, second, *_ = dict.fromkeys(groups)
    sealed = ["test" if group == first else "train" for group in groups]  # the groups undivided
    whole = find_likely_groups(data, sealed, False)
    assert (whole.part, whole.evaluated, whole.divided) == ("test", groups.count(first), 0)
    assert "none of them has images both in train and among those that are evaluated" in whole.describe()
    row = groups.index(second)
    divided = find_likely_groups(data, [*sealed[:row], "validation", *sealed[row + 1 :]], False)
    assert (divided.part, divided.evaluated, divided.divided) == ("validation", 1, 1)
    assert "1 of 1 validation images has a member of its group in train" in divided.describe()
    folds = ["fold 1" if number == row else "fold 0" for number in range(len(groups))]
    between = find_likely_groups(data, folds, False)
    assert (between.part, between.evaluated, between.divided) == ("fold", len(groups), groups.count(second))
    assert f"of {len(groups)} images have a member of their group in another fold" in between.describe()
