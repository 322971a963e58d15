"""Downloads against a server of our own: whole, interrupted, wrong, absent."""

from __future__ import annotations

import hashlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from lightwell.core.errors import ConfigError, DataError
from lightwell.data import check, fetch
from lightwell.data.sources import SOURCES, OfficialFile, Source

CONTENT = np.random.default_rng(0).bytes(300_000)


class Server(ThreadingHTTPServer):
    """Serves one file; ``break_after`` cuts the next answer short, ``ranges`` may be refused."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.break_after, self.ranges, self.asked = CONTENT, None, True, []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if "/none/" in self.path:
            self.send_error(404)
            return
        content, start = self.server.content, 0
        if wanted and self.server.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = self.server.break_after or len(content)
        self.server.break_after = None
        self.wfile.write(content[start:stop])

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def url(server, monkeypatch) -> str:
    """Put an entry 'toy' in the catalogue whose one file the server has."""
    base = f"http://127.0.0.1:{server.server_address[1]}"
    digest = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    file = OfficialFile("toy.bin", f"{base}/official/toy.bin", len(CONTENT), digest)
    toy = Source("toy", "Toy", 1, (1, 1, 1), "none", "nobody", (file,), (), ("toy.bin",))
    # The package gives the function the name of its module.
    monkeypatch.setattr(sys.modules["lightwell.data.fetch"], "SOURCES", dict(SOURCES) | {"toy": toy})
    return base


def test_fetch_gets_and_checks_the_file_once(server, url, tmp_path):
    path = tmp_path / "toy" / "toy.bin"
    assert [s.state for s in check("toy", tmp_path)] == ["missing"]
    assert fetch("toy", tmp_path) == [path]
    assert path.read_bytes() == CONTENT
    assert [s.state for s in check("toy", tmp_path)] == ["ok"]
    assert fetch("toy", tmp_path) == [path]
    assert len(server.asked) == 1
    assert [p.name for p in path.parent.iterdir()] == ["toy.bin"]


@pytest.mark.parametrize("ranges", [True, False])
def test_interrupted_download_goes_on(server, url, tmp_path, ranges):
    server.break_after = 123_456
    with pytest.raises(DataError, match=r"broke off.*goes on after the \d+ bytes"):
        fetch("toy", tmp_path)
    assert [p.name for p in (tmp_path / "toy").iterdir()] == ["toy.bin.part"]
    assert (tmp_path / "toy" / "toy.bin.part").read_bytes() == CONTENT[:123_456]
    server.ranges = ranges
    fetch("toy", tmp_path)
    assert server.asked[-1][1] == "bytes=123456-"
    assert (tmp_path / "toy" / "toy.bin").read_bytes() == CONTENT


def test_a_part_that_is_already_too_long_starts_over(server, url, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "toy.bin.part").write_bytes(bytes(len(CONTENT)))
    fetch("toy", tmp_path)
    assert (tmp_path / "toy" / "toy.bin").read_bytes() == CONTENT


def test_wrong_content_is_refused_and_leaves_nothing(server, url, tmp_path):
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(DataError, match="not the official one, and was removed"):
        fetch("toy", tmp_path)
    assert list((tmp_path / "toy").iterdir()) == []


def test_damaged_file_is_told_and_replaced(server, url, tmp_path):
    path = tmp_path / "toy" / "toy.bin"
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-5])
    (status,) = check("toy", tmp_path)
    assert (status.state, status.path, status.url) == ("damaged", path, f"{url}/official/toy.bin")
    assert "expected 300000 bytes, found 299995" in status.detail
    path.write_bytes(b"?" + CONTENT[1:])
    assert "expected sha256" in check("toy", tmp_path)[0].detail
    fetch("toy", tmp_path)
    assert path.read_bytes() == CONTENT


def test_mirror_by_argument_and_environment(server, url, tmp_path, monkeypatch):
    fetch("toy", tmp_path / "a", mirror=f"{url}/mirror/")
    monkeypatch.setenv("LIGHTWELL_MIRROR", f"{url}/other")
    fetch("toy", tmp_path / "b")
    assert [path for path, _ in server.asked] == ["/mirror/toy.bin", "/other/toy.bin"]
    with pytest.raises(ConfigError, match="http or https"):
        fetch("toy", tmp_path / "c", mirror="file:///tmp")


def test_a_server_that_is_silent_or_lacks_the_file(server, url, tmp_path):
    with pytest.raises(DataError, match="404"):
        fetch("toy", tmp_path, mirror=f"{url}/none")
    with pytest.raises(DataError, match="broke off"):
        fetch("toy", tmp_path, mirror="http://127.0.0.1:9/")


def test_unknown_name_is_refused(tmp_path):
    for verb in (check, fetch):
        with pytest.raises(ConfigError, match="Did you mean 'cifar10'"):
            verb("cifar1O", tmp_path)


def test_check_says_what_is_there_of_real_and_unpacked_files(
    shared_data, cifar10_folder, svhn_folder, tmp_path
):
    assert {s.state for s in check("mnist", shared_data)} == {"ok"}
    assert {s.state for s in check("fashion-mnist", shared_data / "fashion-mnist")} == {"ok"}
    (cifar,) = check("cifar10", cifar10_folder)
    assert (cifar.state, cifar.path) == ("unchecked", cifar10_folder / "cifar-10-batches-py")
    assert fetch("cifar10", cifar10_folder) == [cifar.path]
    assert [s.state for s in check("svhn", svhn_folder)] == ["damaged", "damaged", "missing"]
    assert [s.optional for s in check("svhn", svhn_folder)] == [False, False, True]
    assert {s.state for s in check("tiny-imagenet", tmp_path)} == {"missing"}
