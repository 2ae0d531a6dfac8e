"""Protocols of stores: those that are documented, and no request to any other."""

import contextlib
import socket
from pathlib import Path

import fsspec
import pytest

import pupila
from pupila.core import files, stores
from pupila.core.errors import PupilaError
from pupila.core.protocols import check_protocol

REFUSED = [
    "zip://x::http://{host}/y", "simplecache::http://{host}/y", "filecache::http://{host}/y", "http://{host}/y",
    "blockcache::s3://shop/x", "https://{host}/y", "ftp://{host}/y", "file::memory://x", "reference://x::http://{host}/y",
    "github://some:repo@main/x.csv", "git://x", "ssh://{host}/y", "sftp://{host}/y", "smb://{host}/y", "hdfs://{host}/y",
    "webhdfs://{host}/y", "dask://{host}/y", "jupyter://{host}/y", "local://x", "tar://x::http://{host}/y",
    "dir::http://{host}/y", "memory://x::http://{host}/y", "s3://shop/x::http://{host}/y", "S3://shop/x", "hf://a/b",
    "generic://http://{host}/y", "http+unix://x", "://{host}/y", "s3 ://shop/x", "x.jpg::http://{host}/y",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_chained_and_undocumented_protocols_are_refused_before_fsspec_is_asked(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def requested(*arguments: object, **options: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(fsspec, "get_filesystem_class", requested)
    monkeypatch.setattr(fsspec.core, "url_to_fs", requested)
    uri = address.format(host="127.0.0.1:9")
    for ask in (files.exists, files.read_bytes, files.is_folder, files.list_files, files.glob_files,
                lambda uri: list(files.walk(uri)), lambda uri: files.write_bytes(uri, b""), files.remove,
                lambda uri: files.read_start(uri, 3), lambda uri: stores.is_writable(uri)):  # fmt: skip
        with pytest.raises(
            PupilaError, match=r"Unsupported protocol: found .*expected a path, s3://bucket/prefix"
        ):
            ask(uri)


def test_a_table_with_addresses_of_the_web_makes_no_request(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        for number, address in enumerate(REFUSED):
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "metadata.csv").write_text(
                f"file_name,label\n{address.format(host=host)},cat\na.jpg,dog\n"
            )
            with contextlib.suppress(PupilaError):
                pupila.open(str(folder))
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    "address",
    ["s3://KEY:sesame@bucket/x", "s3://sesame@bucket/x", "gs://a:sesame@b/x", "abfs://a:sesame@account/x"],
)
def test_a_key_in_the_address_of_a_store_is_refused_without_showing_it(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fsspec, "get_filesystem_class", None)
    with pytest.raises(PupilaError, match=r"has a user or a key in it: found \w+://\*\*\*@|abfs://") as fault:
        files.read_bytes(address)
    assert "sesame" not in str(fault.value)


def test_a_container_of_azure_and_an_at_sign_in_a_path_are_no_key() -> None:
    for address in ("abfs://container@account.dfs.core.windows.net/x", "s3://bucket/a:b@c.jpg"):
        assert check_protocol(address) == address.partition("://")[0]
