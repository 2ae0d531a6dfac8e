"""The commands: exit codes, what is printed where, and refusals without a stack trace."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pupila.api import doctor as doctor_api
from pupila.cli.run import run
from pupila.core.errors import PupilaError
from tests.colours import plain, write_colours
from tests.pictures import encoded, photo, write_classes


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "shop", {"cat": 14, "dog": 12})


def test_the_doctor_leaves_with_0_where_nothing_would_spoil_training(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", str(shop)]) == 0
    printed = capsys.readouterr()
    assert "26 images" in printed.out
    assert "No problems found." in printed.out
    (shop / "notes.txt").write_text("not an image")
    assert run(["doctor", str(shop)]) == 0
    assert capsys.readouterr().out.endswith("\n\nNo errors.\n")
    (shop / "cat/empty.jpg").write_bytes(b"")
    assert run(["doctor", str(shop)]) == 0
    assert capsys.readouterr().out.endswith("\n\nNo errors. Review the 1 warning before training.\n")


def test_the_doctor_leaves_with_1_where_a_fault_would(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cat/x.png", "dog/y.png"):
        (shop / name).write_bytes(encoded(photo(77)))
    for number in range(7):
        (shop / f"cat/empty{number}.jpg").write_bytes(b"")
    assert run(["doctor", str(shop)]) == 1
    printed = capsys.readouterr().out
    assert "error    conflicting-labels" in printed
    assert "cat/empty2.jpg (the file has no bytes) and 4 more" in printed
    assert "Fix: inspect each pair" in printed
    assert run(["doctor", str(shop), "--json"]) == 1
    faults = json.loads(capsys.readouterr().out)
    assert [set(fault) for fault in faults] == [{"code", "severity", "count", "examples", "fix"}] * len(
        faults
    )
    assert {fault["code"]: fault["count"] for fault in faults}["empty-file"] == 7


@pytest.mark.parametrize("command", ["doctor", "split", "explore"])
def test_bad_input_is_one_message_on_stderr_and_exit_code_2(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, str(tmp_path / "none")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: The data set does not exist: found ")
    assert "Traceback" not in printed.err


def test_debug_shows_the_trace(tmp_path: Path) -> None:
    with pytest.raises(PupilaError):
        run(["doctor", str(tmp_path / "none"), "--debug"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["docter", "x"], "docter"),
        (["split", "x", "--fold", "3"], "--folds"),
        (["doctor", "{shop}", "--max-pixel", "5"], "--max-pixel is unknown (did you mean --max-pixels?)"),
        (["doctor", "{shop}", "max_pixel=5"], "max_pixel is unknown (did you mean max_pixels?)"),
        (["doctor", "{shop}", "--max-pixels"], "--max-pixels needs a value"),
        (["doctor", "{shop}", "--max-pixels", "many"], "--max-pixels many (expected a whole number)"),
        (["settings", "spilt"], "Unknown stage spilt. Did you mean split?"),
        (["split", "{shop}", "--val", "0.6"], "--val 0.6 (expected 0 to 0.5 or null"),
    ],
)
def test_what_is_not_understood_is_answered(
    shop: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([a.replace("{shop}", str(shop)) for a in arguments]) == 2
    assert says in capsys.readouterr().err


def test_limits_can_be_set(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", str(shop), "--max-pixels", "100"]) == 2  # nothing is left
    assert "96 x 72 pixels; the limit is 100 in total" in capsys.readouterr().err


def test_split_prints_the_verdict_and_writes_both_files(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["split", str(shop)]) == 0
    printed = capsys.readouterr().out
    assert "Verdict: clean" in printed
    assert re.search(
        r"Largest deviation of a class share: \d+\.\d percentage points \(class '(cat|dog)', \w+\)\.", printed
    )
    assert f"Written: {shop}/splits.json" in printed
    assert run(["split", str(shop)]) == 0
    assert f"Unchanged: {shop}/splits.json" in capsys.readouterr().out
    assert sorted(p.name for p in shop.iterdir() if p.is_file()) == ["pupila.parquet", "splits.json"]


def test_a_dry_run_writes_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["split", str(shop), "--dry-run", "--folds", "3"]) == 0
    assert "fold sizes:" in capsys.readouterr().out
    assert not [p for p in shop.iterdir() if p.is_file()]


def test_split_for_machines(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["split", str(shop), "--json", "--test", "0.2"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["verdict"] == "clean"
    assert printed["balance"]["test"]["images"] == 5


def test_another_split_needs_a_word_and_the_old_one_is_kept(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["split", str(shop)])
    first = (shop / "splits.json").read_bytes()
    (shop / "test_access.jsonl").write_text("{}\n")
    assert run(["split", str(shop)]) == 0  # the same settings again give the same split
    assert (shop / "splits.json").read_bytes() == first
    assert run(["split", str(shop), "--seed", "5"]) == 2
    assert "--replace" in capsys.readouterr().err
    assert run(["split", str(shop), "--seed", "5", "--replace"]) == 0
    old = json.loads(first)["hash"][:12]
    assert (shop / f"splits-{old}.json").read_bytes() == first
    assert (shop / f"test_access-{old}.jsonl").exists()
    assert not (shop / "test_access.jsonl").exists()


def test_a_folder_that_can_not_be_written_to_names_out(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr("pupila.core.writing._create", refuse)
        assert run(["split", str(shop)]) == 2
    assert "Try: --out FOLDER" in capsys.readouterr().err
    assert run(["split", str(shop), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out/splits.json").exists()


def test_one_folder_takes_no_second_data_set(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_classes(tmp_path / "other", {"a": 6, "b": 6}, seed=2)
    assert run(["split", str(shop), "--out", str(tmp_path / "out")]) == 0
    assert run(["split", str(other), "--out", str(tmp_path / "out")]) == 2
    assert "another data set" in capsys.readouterr().err


def test_explore_says_what_follows_and_where_the_page_lies(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explore", str(shop)]) == 0
    printed = capsys.readouterr().out
    assert "balanced" in printed
    assert f"Report: {shop}/explore.html" in printed


def test_every_setting_is_printed_with_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["settings"]) == 0
    printed = capsys.readouterr().out
    for name in (
        "max_bytes",
        "max_pixels",
        "workers",
        "by",
        "val",
        "test",
        "seed",
        "folds",
        "ignore_given",
        "epochs",
        "augmented_views",
    ):
        assert f"\n  {name} = " in printed
    assert "bytes" in printed


def test_an_unknown_stage_is_answered_with_each_name_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["settings", "nope"]) == 2
    assert capsys.readouterr().err.count("audit") == 1
    assert run(["settings", "label audit"]) == run(["settings", "label-audit"]) == 0


def test_help_names_every_command_and_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in ("doctor", "split", "explore", "settings", "demo"))
    assert run(["split", "--help"]) == 0
    printed = capsys.readouterr().out
    for option in (
        "--by",
        "--val",
        "--test",
        "--seed",
        "--folds",
        "--ignore-given",
        "--out",
        "--replace",
        "--dry-run",
        "--json",
        "--max-pixels",
    ):
        assert option in printed


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip()[0].isdigit()


@pytest.mark.parametrize(
    ("raised", "code"), [(KeyboardInterrupt(), 130), (ModuleNotFoundError("no polars", name="polars"), 2)]
)
def test_interruptions_and_missing_extras_have_their_codes(
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    code: int,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(doctor_api, "doctor", fail)
    assert run(["doctor", str(shop)]) == code
    assert ("cached" if code == 130 else "pip install 'pupila[data]'") in capsys.readouterr().err


@pytest.mark.parametrize("port", ["99999", "-1"])
@pytest.mark.parametrize(
    "words", [["serve", "B"], ["label", "audit", "D"], ["label", "suspects", "D", "--with", "R"]]
)
def test_a_port_that_there_is_not_is_refused(
    words: list[str], port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--port", port]) == 2
    assert f"Invalid --port: {port} (expected 0 to 65535)." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["predict", "B", "I", "--json", "--csv", "x"], "--json and --csv can't be combined.\n  Try: omit one"),
        (["predict", "B", "I", "--polygons"], "--polygons needs --out FOLDER."),
        (["collect", "vtex", "--out", "x", "--label-config", "y"], "--label-config needs --label LABELLER."),
        (["label", "{shop}", "--with", "ollama"], "for ollama use vlm:MODEL with --base-url."),
        (["label", "{shop}", "--with", "vml:x"], "Unknown labeller vml. Did you mean vlm?"),
        (["label", "{shop}", "--with", "zzz"], "Unknown labeller zzz. Choose one of: vlm:MODEL, "),
        (["split", "{shop}", "--by", "nonsense"], "no column 'nonsense', and the pattern matches no path. Columns: "),
        (["evaluate", "nowhere", "{shop}"], "nowhere does not exist; expected a bundle, a run or a table"),
        (["train", "{shop}", "--tversky-beta", "0.3", "--dry-run"],
         "tversky_beta=0.3 is a setting for segmentation, and this is a training for classification."),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_one_sentence_each(
    shop: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if words[0] == "evaluate":
        assert run(["split", str(shop)]) == 0
    assert run([word.replace("{shop}", str(shop)) for word in words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["doctor", "{shop}"],
        ["split", "{shop}", "--dry-run"],
        ["explore", "{shop}"],
        ["label", "{shop}", "--with", "csv:{shop}.csv", "--dry-run"],
        ["label", "export", "{shop}", "--out", "{shop}.json"],
        ["convert", "{shop}", "--to", "coco", "--out", "{shop}-coco"],
        ["evaluate", "nowhere", "{shop}"],
        ["train", "{shop}", "--dry-run", "--model", "lenet", "--weights", "none"],
    ],
)
def test_what_was_understood_of_the_data_is_printed_first(
    words: list[str], shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(f"{shop}.csv").write_text("image,label\ncat/0.png,cat\n")
    run([word.format(shop=shop) for word in words])
    printed = capsys.readouterr()
    text = printed.err if "--dry-run" in words and words[0] == "train" else printed.out
    assert text.startswith(
        f"26 images in {shop}: a folder per class.\nTask: classify, 2 classes (cat 14, dog 12)."
    )
    if words[0] == "train":
        assert "\nThe split was drawn at random.\nSplit: train" in text
        assert json.loads(printed.out)["task"] == "classify"


@pytest.mark.parametrize("words", [["predict", "B", "x.png"], ["serve", "B"], ["evaluate", "B", "D"]])
def test_a_bundle_with_another_hash_is_refused_before_anything_else(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = write_colours(tmp_path / "B")
    words = [bundle.folder if word == "B" else word for word in words]
    assert run([*words, "--sha256", "0" * 64]) == 2
    printed = capsys.readouterr()
    assert bundle.hash in printed.err and "0" * 64 in printed.err
    assert printed.out == ""


def test_predict_takes_the_bundle_with_the_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_colours(tmp_path / "B")
    (tmp_path / "red.png").write_bytes(encoded(plain(255, 0, 0)))
    assert run(["predict", bundle.folder, str(tmp_path / "red.png"), "--sha256", bundle.hash]) == 0
    assert "red" in capsys.readouterr().out
