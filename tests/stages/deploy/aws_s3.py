"""Stands for `aws s3 cp FROM TO`, `ls URI` and `rm URI`, where `-` is the standard input or output."""

import os
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

HEADERS = {  # moto wants somebody's signature, and does not verify it
    "authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request",
    "content-type": "text/plain",
}


def send(method: str, uri: str, content: bytes | None = None) -> bytes:
    address = f"{os.environ['AWS_ENDPOINT_URL']}/{uri.removeprefix('s3://')}"
    with urlopen(Request(address, content, HEADERS, method=method)) as response:
        received: bytes = response.read()
        return received


def copy(source: str, target: str) -> None:
    if source == "-":
        content = sys.stdin.buffer.read()
    else:
        content = send("GET", source) if source.startswith("s3://") else Path(source).read_bytes()
    if target == "-":
        sys.stdout.buffer.write(content)
    else:
        send("PUT", target, content)


if __name__ == "__main__":
    command, *addresses = sys.argv[1:]
    try:
        if command == "cp":
            copy(*addresses)
        elif command == "ls":  # of one object
            send("GET", addresses[0])
            print(addresses[0])
        else:
            send("DELETE", addresses[0])
    except HTTPError:
        sys.exit(1)
