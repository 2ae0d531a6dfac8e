"""Escape characters in every field of a data set and of a site reach neither stdout nor stderr of a command."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from pupila.cli.run import run
from tests.colours import write_colours
from tests.pictures import photo, write_photo
from tests.stages.collect.shops import make_reply, open_shop

# A title, a colour, a clear screen in 7 and 8 bits, direction, bell, backspace, and what forges a line.
PLANT = "\x1b]0;T\x07\x1b[31m\x1b[2J\x9b2J\u202e\u2066\x08\x7f\u2028FORGED"
LINE = f"{PLANT}\nerror: FORGED LINE"
FORBIDDEN = set("\x1b\x07\x08\x9b\x7f\u202e\u2066\u2028\r")


def write_planted(root: Path, class_plant: str = "") -> Path:
    """A data set with escapes in names of files, folders, groups, columns, EXIF data and a broken file."""
    folder = root / f"data{PLANT}"
    exif = Image.Exif()
    for tag in (
        0x010E,
        0x010F,
        0x0110,
        0x0131,
        0x013B,
        0x8298,
    ):  # description, camera, software, artist, copyright
        exif[tag] = LINE
    rows = []
    for number in range(6):
        name = f"photos{LINE}/{number % 3}{LINE}{number}.jpg"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(number % 10)).save(path, "JPEG", exif=exif)
        rows.append([name, f"class{class_plant}{number % 2}", f"group{LINE}{number}", f"note{LINE}"])
    (folder / f"broken{PLANT}.jpg").write_bytes(b"\xff\xd8" + LINE.encode())
    rows += [
        [f"missing{LINE}.jpg", f"rare{class_plant}", "g", ""],
        [f"broken{PLANT}.jpg", f"class{class_plant}0", "g", ""],
    ]
    with (folder / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["image", "label", "group", f"column{LINE}"], *rows])
    return folder


def check_printed(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """What a command prints, which holds no control character and no forged line."""
    code = run(arguments)
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert code in (0, 1, 2)
    assert not FORBIDDEN & set(text), (arguments, FORBIDDEN & set(text))
    assert not [line for line in text.splitlines() if line.startswith("error: FORGED")], arguments
    return text


def test_a_planted_data_set_is_read_and_never_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(write_planted(tmp_path))
    commands = [["doctor", folder], ["split", folder], ["doctor", folder, "--json"],
                ["split", folder, "--by", LINE], [LINE], ["doctor", folder + LINE], ["predict", folder, folder],
                ["doctor", str(write_planted(tmp_path / "classes", LINE))]]  # fmt: skip
    shown = [check_printed(capsys, command) for command in commands]
    assert "row-without-image" in shown[0] and "Verdict: clean" in shown[1]
    assert "\\u001b" in shown[0] and "\\u202e" in shown[0]
    assert all("FORGED" in text for text in shown)


def test_files_keep_the_names_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    for name in "ab":
        for number in range(3):
            write_photo(folder / name / f"{number}{PLANT}.png", ord(name) + number)
    assert run(["split", str(folder), "--json"]) == 0
    printed = capsys.readouterr().out
    assert not FORBIDDEN & set(printed)
    assert json.loads(printed)
    rows = json.loads((folder / "splits.json").read_text())["images"]
    assert sorted(row["image"] for row in rows)[0] == f"a/0{PLANT}.png"


def test_predictions_of_planted_names_are_printed_in_their_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, photos = write_colours(tmp_path / "bundle").folder, tmp_path / f"photos{PLANT}"
    write_photo(photos / f"a{LINE}.png", 1)
    (photos / f"broken{LINE}.png").write_bytes(b"no image")
    text = check_printed(capsys, ["predict", bundle, str(photos)])
    assert (
        text.count("FORGED LINE") == 2 == len([line for line in text.splitlines() if "FORGED LINE" in line])
    )
    check_printed(capsys, ["predict", bundle, str(photos), "--csv", str(tmp_path / f"t{PLANT}.csv")])
    rows = (tmp_path / f"t{PLANT}.csv").read_text()
    assert PLANT in rows  # the table is data


@pytest.mark.slow
def test_the_plan_of_a_planted_training_is_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(write_planted(tmp_path))
    for more in ([], ["--json"]):
        check_printed(capsys, ["train", folder, "--dry-run", "--out", str(tmp_path / f"run{PLANT}"), *more])


def test_a_planted_site_is_collected_and_never_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    item = '<div class="p"><a href="/l{0}">{0}</a><b>id{0}</b><img src="/i{0}.jpg"></div>'
    page = make_reply(body=f"<title>{LINE}</title>" + item.format(LINE) + item.format(""))
    replies = {"/start": page, "/gone": make_reply(404, LINE)}

    def respond(path: str) -> object:
        return replies.get(path) or (
            make_reply(200, LINE, "image/jpeg", x_note="a\x1b[31m") if "/i" in path else None
        )

    with open_shop(respond) as shop:  # type: ignore[arg-type]
        config = tmp_path / f"site{PLANT}.yaml"
        settings = {"name": LINE, "licence": LINE, "item": ".p", "id": "b", "title": "a", "allow_private": True,
                    "browser": False, "more": "none", "rate": 1000, "tries": 1}  # fmt: skip
        faults: tuple[dict[str, object], ...] = (
            {"start": [f"{shop.address}/start", f"{shop.address}/gone{PLANT}"]},
            {"start": f"{shop.address}/gone"},
            {"start": f"{shop.address}/start", "item": f".none{LINE}"},
            {"start": LINE},
            {"start": f"{shop.address}/start", LINE: LINE},
        )  # fmt: skip
        for number, more in enumerate(faults):
            config.write_text(json.dumps({**settings, **more}))
            check_printed(capsys, ["collect", str(config), "--out", str(tmp_path / f"out{number}{PLANT}")])
    rows = (tmp_path / f"out0{PLANT}" / "products.jsonl").read_text()
    assert rows.count("\\u001b]0;T") >= 1  # the rows are data
