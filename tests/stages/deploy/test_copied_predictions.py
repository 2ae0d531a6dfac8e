"""The copies of a service's predictions in its bucket: the very script of the user data, over rotations of the log."""

import os
import re
import subprocess
from pathlib import Path

from tests.stages.deploy.test_aws import user_data

# `aws s3 sync ... SOURCE s3://BUCKET/PATH`, with the last exclusion of a rotated file.
AWS = """#!/bin/bash
source="${@: -2:1}"; target="$ROOT/${@: -1}"; target="${target/s3:\\/\\//}"
mkdir -p "$target"
for file in "$source"/*; do
  [[ "$*" == *--exclude* && "$file" == *.jsonl.[1-5] ]] || [ ! -f "$file" ] || cp -p "$file" "$target"
done
"""


def test_no_line_is_lost_or_copied_twice(tmp_path: Path) -> None:
    script = re.search(
        r"cat > /usr/local/sbin/pupila-predictions <<'FILE'\n(.*?)FILE\n", user_data("s3://a/b"), re.DOTALL
    )
    assert script is not None
    (tmp_path / "aws").write_text(AWS)
    (tmp_path / "aws").chmod(0o755)
    (tmp_path / "id").write_text("i-1")
    text = script[1].replace("/var/lib/cloud/data/instance-id", str(tmp_path / "id"))
    log, environment = (
        tmp_path / "log",
        {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "ROOT": str(tmp_path)},
    )
    log.mkdir()
    current = log / "predictions.jsonl"

    def copy() -> None:
        subprocess.run(["bash", "-c", text, "script", str(log)], env=environment, check=True)

    def rotate() -> None:
        for number in range(4, 0, -1):
            if (old := log / f"predictions.jsonl.{number}").exists():
                old.replace(log / f"predictions.jsonl.{number + 1}")
        current.replace(log / "predictions.jsonl.1")

    lines = []
    for number in range(24):
        lines.append(f"line {number:02}")
        with current.open("a") as file:
            file.write(f"{lines[-1]}\n")
        os.utime(current, (1_000_000_000 + number, 1_000_000_000 + number))
        if number % 3 == 2:
            rotate()
        if number % 2:
            copy()
    copy()
    (bucket,) = tmp_path.glob("*/predictions/i-1")
    names = sorted(path.name for path in bucket.glob("predictions-*.jsonl"))
    stored = "".join((bucket / name).read_text() for name in names).split("\n")[:-1]
    assert stored == lines and len(names) == 8
    assert not list(tmp_path.glob("log.full*"))
