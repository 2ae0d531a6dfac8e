"""Stands for `aws s3 cp FROM TO` and `aws s3 rm URI`, where `-` is the standard input or output."""

import sys
from pathlib import Path

from pupila.core import files, stores


def copy(source: str, target: str) -> None:
    if source == "-":
        content = sys.stdin.buffer.read()
    else:
        content = stores.read(source) if files.is_remote(source) else Path(source).read_bytes()
    if target == "-":
        sys.stdout.buffer.write(content)
    else:
        files.write_bytes(target, content)


if __name__ == "__main__":
    command, *addresses = sys.argv[1:]
    try:
        copy(*addresses) if command == "cp" else files.remove(*addresses)
    except FileNotFoundError:
        sys.exit(1)
