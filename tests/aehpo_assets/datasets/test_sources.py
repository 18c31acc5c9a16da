"""Downloads from a server that resumes, breaks off, cannot resume, or serves another file."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from aehpo_assets.cli.fetch import fetch_source
from aehpo_assets.cli.main import app
from aehpo_assets.datasets import download as downloading
from aehpo_assets.datasets import sources
from aehpo_assets.datasets.download import download
from aehpo_assets.datasets.sources import SOURCES, RemoteFile, Source
from aehpo_assets.errors import AehpoError, InputError

CONTENT = np.random.default_rng(0).bytes(1_000_000)
HALF = 500_000
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@dataclass
class Server:
    """What the server serves, how badly, and what it was asked for."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=lambda: {"/matrix.gz": CONTENT})
    ranges: bool = True
    etag: str | None = '"one"'
    break_offs: int = 0
    errors: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    says_length: bool = True

    @property
    def url(self) -> str:
        return f"{self.address}/matrix.gz"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(downloading, "PAUSES", (0.0, 0.0, 0.0))
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.asked.append((self.path, asked))
            content = state.files.get(self.path)
            if state.errors or content is None:
                self.send_error(state.errors.pop(0) if state.errors else 404)
                return
            start = 0
            if asked and state.ranges and self.headers.get("If-Range", state.etag) == state.etag:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                last = len(content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
            if state.etag is not None:
                self.send_header("ETag", state.etag)
            if state.says_length:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = len(content)
            if state.break_offs:
                state.break_offs -= 1
                end = HALF
            with contextlib.suppress(ConnectionError):
                for position in range(start, end, 1 << 16):
                    self.wfile.write(content[position : min(end, position + (1 << 16))])

        def log_message(self, *arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


def ranges(server: Server) -> list[str | None]:
    return [asked for _, asked in server.asked]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_whole_download_is_verified_and_tells_how_far_it_is(
    tmp_path: Path, server: Server
) -> None:
    target = tmp_path / "below" / "matrix.gz"
    told: list[tuple[int, int | None]] = []
    found = download(
        server.url,
        target,
        checksum=MD5,
        size=len(CONTENT),
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert found == MD5
    assert target.read_bytes() == CONTENT
    assert names(target.parent) == {"matrix.gz"}
    assert told == sorted(told)
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_broken_transfer_asks_for_the_missing_bytes_only(tmp_path: Path, server: Server) -> None:
    server.break_offs = 1
    download(server.url, tmp_path / "matrix.gz", checksum=SHA256)
    assert (tmp_path / "matrix.gz").read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={HALF}-"]


def test_a_later_call_goes_on_where_the_last_gave_up(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "PAUSES", ())
    server.break_offs = 1
    with pytest.raises(AehpoError, match="What came so far is kept"):
        download(server.url, tmp_path / "matrix.gz")
    assert (tmp_path / "matrix.gz.part").read_bytes() == CONTENT[:HALF]
    assert download(server.url, tmp_path / "matrix.gz") == SHA256
    assert ranges(server) == [None, f"bytes={HALF}-"]
    assert names(tmp_path) == {"matrix.gz", "matrix.gz.sha256"}


@pytest.mark.parametrize("without", ["ranges", "validator"])
def test_what_cannot_be_resumed_starts_anew(tmp_path: Path, server: Server, without: str) -> None:
    server.break_offs = 1
    if without == "ranges":
        server.ranges = False
    else:
        server.etag = None
    assert download(server.url, tmp_path / "matrix.gz") == SHA256
    assert ranges(server) == [None, f"bytes={HALF}-" if without == "ranges" else None]


def test_a_part_of_a_file_that_was_renewed_is_not_gone_on_with(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "PAUSES", ())
    server.break_offs = 1
    with pytest.raises(AehpoError):
        download(server.url, tmp_path / "matrix.gz")
    server.files["/matrix.gz"], server.etag = CONTENT[::-1], '"two"'
    download(server.url, tmp_path / "matrix.gz")
    assert (tmp_path / "matrix.gz").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("surplus", [b"", b"more than there is"])
def test_a_part_without_a_rest_is_taken_if_it_is_the_file(
    tmp_path: Path, server: Server, surplus: bytes
) -> None:
    (tmp_path / "matrix.gz.part").write_bytes(CONTENT + surplus)
    download(server.url, tmp_path / "matrix.gz", checksum=MD5)
    assert (tmp_path / "matrix.gz").read_bytes() == CONTENT
    assert len(server.asked) == (2 if surplus else 1)


def test_a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(
    tmp_path: Path, server: Server
) -> None:
    server.errors = [503, 429]
    download(server.url, tmp_path / "matrix.gz", checksum=MD5)
    assert len(server.asked) == 3
    with pytest.raises(InputError, match=r"/absent: the server answers 404"):
        download(f"{server.address}/absent", tmp_path / "absent", checksum=MD5)
    assert len(server.asked) == 4
    server.errors = [500] * 4
    with pytest.raises(AehpoError, match="failed 4 times"):
        download(server.url, tmp_path / "other.gz", checksum=MD5)


def test_a_wrong_file_is_named_and_removed(tmp_path: Path, server: Server) -> None:
    server.files["/matrix.gz"] = wrong = CONTENT[::-1]
    with pytest.raises(InputError) as raised:
        download(server.url, tmp_path / "matrix.gz", checksum=MD5)
    found = f"md5:{hashlib.md5(wrong).hexdigest()}"
    for part in (str(tmp_path / "matrix.gz"), MD5, found, "again"):
        assert part in str(raised.value)
    with pytest.raises(InputError, match="wrong size: expected 9 bytes, found 1,000,000"):
        download(server.url, tmp_path / "matrix.gz", size=9)
    assert not names(tmp_path)
    server.files["/matrix.gz"] = CONTENT
    assert download(server.url, tmp_path / "matrix.gz", checksum=MD5) == MD5


def test_of_more_than_was_published_one_byte_is_written(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.says_length = False
    told: list[int] = []
    target = tmp_path / "matrix.gz"
    with pytest.raises(InputError, match="wrong size: expected 1,000 bytes, found more"):
        download(server.url, target, size=1000, on_progress=lambda done, _: told.append(done))
    assert told == [1001]
    assert not names(tmp_path)
    (tmp_path / "matrix.gz.part").write_bytes(b"x" * 2000)
    with pytest.raises(InputError, match="wrong size: expected 1,000 bytes, found more"):
        download(server.url, target, size=1000)
    assert not names(tmp_path)
    server.says_length = True
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(InputError, match="977 KiB are to come, and 10 B are free on the disk"):
        download(server.url, target)
    assert not names(tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "data:,x", ""])
def test_only_web_addresses_are_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="is no web address"):
        download(url, tmp_path / "x")
    assert not names(tmp_path)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", ".ssh", "x\x1b", "/etc/x"])
def test_a_record_that_names_no_file_is_refused(tmp_path: Path, server: Server, name: str) -> None:
    entry = {"key": name, "links": {"self": server.url}, "checksum": MD5, "size": len(CONTENT)}
    server.files["/record"] = json.dumps({"files": [entry]}).encode()
    source = Source("s", "t", "o", record=f"{server.address}/record")
    with pytest.raises(InputError, match="is no file name"):
        fetch_source(source, tmp_path / "out", Console(file=io.StringIO()))
    assert not (tmp_path / "out").exists()


def test_an_answer_without_end_is_not_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "JSON_BYTES", 1000)
    with pytest.raises(InputError, match="answers with more than 1000 B"):
        downloading.read_url(server.url)


def test_a_file_that_is_there_is_neither_fetched_again_nor_overwritten(
    tmp_path: Path, server: Server
) -> None:
    target = tmp_path / "matrix.gz"
    target.write_bytes(CONTENT)
    assert download(server.url, target, checksum=SHA256, size=len(CONTENT)) == SHA256
    target.write_bytes(b"mine")
    with pytest.raises(InputError, match="wrong checksum"):
        download(server.url, target, checksum=SHA256)
    with pytest.raises(InputError, match="no checksum is known"):
        download(server.url, target)
    assert target.read_bytes() == b"mine"
    assert not server.asked


def test_without_a_published_checksum_the_first_download_is_the_measure(
    tmp_path: Path, server: Server
) -> None:
    target, record = tmp_path / "matrix.gz", tmp_path / "matrix.gz.sha256"
    assert download(server.url, target) == SHA256
    assert record.read_text() == f"{SHA256.removeprefix('sha256:')}  matrix.gz\n"
    assert download(server.url, target) == SHA256
    assert len(server.asked) == 1
    target.unlink()
    server.files["/matrix.gz"] = CONTENT[::-1]
    with pytest.raises(InputError, match=r"move matrix\.gz\.sha256 away"):
        download(server.url, target)
    assert names(tmp_path) == {"matrix.gz.sha256"}
    record.write_text("nothing\n")
    with pytest.raises(InputError, match="holds no SHA-256"):
        download(server.url, target)


def zenodo(server: Server, names: tuple[str, ...]) -> Source:
    """Have the server serve a record of files, as the Zenodo API does."""
    files = []
    for name in names:
        path = f"/api/records/1/files/{name}/content"
        server.files[path] = content = name.encode() * 1000
        files.append(
            {
                "key": name,
                "size": len(content),
                "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
                "links": {"self": server.address + path},
            }
        )
    server.files["/api/records/1"] = json.dumps({"id": 1, "files": files}).encode()
    return Source("some", "Some data", "origin", record=f"{server.address}/api/records/1")


def test_the_command_fetches_what_a_zenodo_record_lists(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = zenodo(server, ("data.zip", "ontologies.zip"))
    monkeypatch.setattr(sources, "SOURCES", {"some": source})
    for _ in range(2):
        called = CliRunner().invoke(app, ["dataset", "fetch", "some", "--out", str(tmp_path)])
        assert called.exit_code == 0, called.output
        assert called.output.count("(as published)") == 2
    assert names(tmp_path) == {"data.zip", "ontologies.zip"}
    assert (tmp_path / "data.zip").read_bytes() == b"data.zip" * 1000
    asked = [path for path, _ in server.asked]
    assert sum(path.endswith("/content") for path in asked) == 2
    unknown = CliRunner().invoke(app, ["dataset", "fetch", "other"])
    assert isinstance(unknown.exception, InputError)


def test_a_record_that_is_none_or_leads_elsewhere_is_refused(
    tmp_path: Path, server: Server
) -> None:
    source = zenodo(server, ("data.zip",))
    listed = server.files["/api/records/1"]
    for content in (b"<html>", b"{}", listed.replace(b'"data.zip"', b'"../data.zip"')):
        server.files["/api/records/1"] = content
        with pytest.raises(InputError, match="/api/records/1"):
            source.listed_files()


def test_a_source_without_checksums_says_so(tmp_path: Path, server: Server) -> None:
    console = Console(record=True, file=io.StringIO())
    source = Source("x", "X", "origin", files=(RemoteFile("matrix.gz", server.url),))
    assert fetch_source(source, tmp_path / "out", console) == [tmp_path / "out" / "matrix.gz"]
    said = console.export_text()
    assert SHA256 in said
    assert "no published checksum is known" in said


def test_the_sources_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    listed = CliRunner().invoke(app, ["dataset", "sources"]).output
    for name, source in SOURCES.items():
        assert name == source.name
        assert name in listed
        assert source.record or all(file.url.startswith("https://") for file in source.files)
