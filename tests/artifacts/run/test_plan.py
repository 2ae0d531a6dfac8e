"""`plan.json` and `log.jsonl`: what is written is read back, and other versions are refused."""

import math
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from pupila.artifacts.run.log import LOG_FILE, EpochLog, read_log, write_log
from pupila.artifacts.run.plan import COMPLETED, PLAN_FILE, PlanFile, RunPlan, read_plan, write_plan
from pupila.core import files
from pupila.core.errors import PupilaError


class LongPlan(RunPlan):
    epochs: int = Field(description="a field that only training knows")


PLAN = LongPlan(task="classify", model="lenet", classes=["a", "b"], data_hash="d", splits_hash="s", epochs=3)


def test_a_plan_comes_back_whole_for_training_and_in_part_for_others(tmp_path: Path) -> None:
    content = PlanFile[LongPlan](state=COMPLETED, settings={"epochs": 3}, plan=PLAN)
    write_plan(str(tmp_path), content)
    short = read_plan(str(tmp_path))
    assert LongPlan.model_validate(short.plan.model_dump()) == PLAN and short.settings == {"epochs": 3}
    assert (short.plan.task, short.plan.classes, short.plan.folds) == ("classify", ["a", "b"], 0)
    stored = files.read_json(str(tmp_path / PLAN_FILE))
    assert stored["schema"] == 3 and stored["plan"]["epochs"] == 3


def test_a_plan_of_another_version_or_with_an_unknown_state_is_refused(tmp_path: Path) -> None:
    files.write_json(str(tmp_path / PLAN_FILE), {"schema": 2, "plan": {}})
    with pytest.raises(PupilaError, match=r"another version.*schema 2; expected schema 3") as fault:
        read_plan(str(tmp_path), "pets")
    assert fault.value.remedy == "pupila train pets --out FOLDER"
    files.write_json(str(tmp_path / PLAN_FILE), {"schema": 3, "state": "done", "settings": {}})
    with pytest.raises(PupilaError, match="unreadable fields: state, plan"):
        read_plan(str(tmp_path))
    with pytest.raises(ValidationError, match="state"):
        PlanFile[LongPlan](state="done", settings={}, plan=PLAN)  # type: ignore[arg-type]


def _changed(whole: bytes, count: int) -> Iterator[bytes]:
    """The content with one changed bit, and with other figures."""
    rng = random.Random(0)
    for place in rng.sample(range(8 * len(whole)), count):
        yield whole[: place // 8] + bytes([whole[place // 8] ^ 1 << place % 8]) + whole[place // 8 + 1 :]
    for figure in re.finditer(rb"(?<=[: ])\d+", whole):
        for other in (b"NaN", b"1e999", b"7", b"null", 400 * b"9"):
            yield whole[: figure.start()] + other + whole[figure.end() :]


def test_no_change_of_a_plan_goes_unnoticed(tmp_path: Path) -> None:
    write_plan(str(tmp_path), PlanFile[LongPlan](state=COMPLETED, settings={"epochs": 3}, plan=PLAN))
    path, read = tmp_path / PLAN_FILE, read_plan(str(tmp_path))
    whole = path.read_bytes()
    for damaged in _changed(whole, 300):
        path.write_bytes(damaged)
        with pytest.raises(PupilaError) as fault:
            read_plan(str(tmp_path))
        assert fault.value.remedy
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    assert read_plan(str(tmp_path)) == read
    edited = [line for line in whole.replace(b"lenet", b"resnet18").splitlines() if b"checksum" not in line]
    path.write_bytes(b"\n".join(edited))  # a change on purpose, or a file of an earlier Pupila
    assert read_plan(str(tmp_path)).plan.model == "resnet18"


def test_no_change_of_a_line_of_a_log_goes_unnoticed(tmp_path: Path) -> None:
    lines = [
        EpochLog(part="head", phase="head", epoch=epoch, train_loss=math.nan if epoch == 2 else 0.5, score=0.5,
                 metrics={"accuracy": 0.5}, lr=1e-3, seconds=0.5)
        for epoch in (1, 2)
    ]  # fmt: skip
    write_log(str(tmp_path), lines)
    path, read = tmp_path / LOG_FILE, read_log(str(tmp_path))
    whole = path.read_bytes()
    for damaged in _changed(whole[:-1], 300):
        path.write_bytes(damaged + b"\n")
        with pytest.raises(PupilaError, match=r"Can't read .*log\.jsonl:"):
            read_log(str(tmp_path))
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    assert repr(read_log(str(tmp_path))) == repr(read)


def test_a_log_comes_back_with_every_digit_and_a_diverged_loss(tmp_path: Path) -> None:
    assert read_log(str(tmp_path)) == []
    line = EpochLog(
        part="fold0-head", phase="head", epoch=1, train_loss=1 / 3, validation_loss=0.1 + 0.2,
        metrics={"macro_f1": 2 / 3}, score=2 / 3, lr=1e-4, seconds=0.5,
    )  # fmt: skip
    diverged = line.model_copy(update={"train_loss": math.nan, "validation_loss": math.inf})
    write_log(str(tmp_path), [line, diverged])
    first, second = read_log(str(tmp_path))
    assert first == line
    assert (
        "NaN" not in (tmp_path / LOG_FILE).read_text() and "Infinity" not in (tmp_path / LOG_FILE).read_text()
    )
    assert math.isnan(second.train_loss) and second.validation_loss is None


def test_half_a_last_line_of_a_log_is_left_out_and_a_damaged_one_refused(tmp_path: Path) -> None:
    lines = [
        EpochLog(part="head", phase="head", epoch=epoch, train_loss=0.5, score=0.5, lr=1e-3, seconds=0.5)
        for epoch in (1, 2)
    ]
    write_log(str(tmp_path), lines)
    log = tmp_path / LOG_FILE
    whole = log.read_bytes()
    log.write_bytes(whole[:-9])
    assert read_log(str(tmp_path)) == lines[:1]
    log.write_bytes(b"{}\n" + whole)
    with pytest.raises(PupilaError, match=r"log\.jsonl:1: found part: Field required"):
        read_log(str(tmp_path))
