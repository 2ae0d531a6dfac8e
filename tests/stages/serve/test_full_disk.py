"""A temporary folder that fills up, on a real file system of half a megabyte, while requests arrive."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.colours import plain, write_colours
from tests.pictures import encoded
from tests.stages.serve.test_service import form, send_request

RED = encoded(plain(255, 0, 0))
MOUNT = 'mount -t tmpfs -o size=500k tmpfs "$TMPDIR" && exec "$@"'
Server = tuple[str, "subprocess.Popen[str]"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The address and the process of a service whose temporary folder is tiny."""
    small = tmp_path / "small"
    small.mkdir()
    own = ["env", f"TMPDIR={small}", "unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], capture_output=True).returncode:
        pytest.skip("this system lets no one mount a file system of their own")
    folder = write_colours(tmp_path / "bundle").folder
    command = [*own, sys.executable, "-m", "pupila", "serve", folder, "--port", "0", "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed = re.search(r"http://([^ ]+)", process.stdout.readline())
            assert printed is not None
            yield printed[1], process
        finally:
            process.terminate()


@pytest.mark.slow
def test_a_full_temporary_folder_is_reported_and_logged_and_room_comes_back(server: Server) -> None:
    address, process = server
    large = encoded(plain(255, 0, 0, side=700), "BMP")  # 1.5 MB: above what an upload may take in memory
    numbers = []
    for path, body in (
        ("single", form(("a.bmp", large))),
        ("batch", form(("a.png", RED), ("b.bmp", large), field="files")),
    ):
        status, refusal, _ = send_request(address, "POST", f"/predict/{path}", *body)
        assert (status, refusal["actual"]) == (507, "No space left on device")
        assert "TMPDIR" in refusal["remedy"]
        numbers.append(refusal["request_id"])
        assert send_request(address, "POST", "/predict/single", *form(("a.png", RED)))[0] == 200
    process.terminate()
    _, log = process.communicate(timeout=60)
    assert all(log.count(number) == 1 for number in numbers) and "Traceback" not in log
