"""The download: mirrors that misbehave in every way they can."""

import contextlib
import gzip
import hashlib
import io
import os
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import requests
from data_files import GENUINE, IMAGES, LABELS, assert_genuine, bounded, failure, names, needs_genuine

from cnnlab import datasets

pytest_plugins = ["data_fixtures"]
pytestmark = pytest.mark.usefixtures("cache_folder")


class Mirrors:
    """A web server in which each folder is a mirror that behaves in its own way."""

    def __init__(self):
        self.requests = []
        self.released = threading.Event()
        mirrors = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                mirror, name = self.path.strip("/").split("/")
                mirrors.requests.append(f"{mirror}/{name}")
                with contextlib.suppress(OSError):  # the other side has gone
                    getattr(mirrors, mirror)(self, (GENUINE / name).read_bytes())

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def _send(self, request, body, status=200, **headers):
        request.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    def good(self, request, file):
        self._send(request, file)

    def without_length(self, request, file):
        self._send(request, file, Content_Length=None)

    def in_chunks(self, request, file):
        request.protocol_version = "HTTP/1.1"
        self._send(request, b"", Content_Length=None, Transfer_Encoding="chunked", Connection="close")
        for start in range(0, len(file), 1000):
            piece = file[start : start + 1000]
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        request.wfile.write(b"0\r\n\r\n")

    def called_packed(self, request, file):  # as servers do that take .gz for a page packed on the way
        self._send(request, file, Content_Encoding="gzip")

    def moved(self, request, file):
        self._send(request, b"", 302, Location="/good/" + request.path.rpartition("/")[2])

    def moved_under_an_endless_page(self, request, file):
        self._send(request, b"", 302, Location="/good/" + request.path.rpartition("/")[2], Content_Length=None)
        self._endlessly(request, bytes(10**6))

    def moved_nowhere(self, request, file):
        self._send(request, b"", 302)

    def moved_in_a_circle(self, request, file):
        self._send(request, b"", 302, Location=request.path)

    def altered(self, request, file):
        self._send(request, file[:1000] + bytes([file[1000] ^ 1]) + file[1001:])

    def shorter(self, request, file):
        self._send(request, file[:-100])

    def longer(self, request, file):
        self._send(request, file + b"more")

    def empty(self, request, file):
        self._send(request, b"")

    def login_page(self, request, file):
        self._send(request, b"<html>Please sign in to the network</html>")

    def says_less(self, request, file):
        self._send(request, file, Content_Length=len(file) - 100)

    def says_less_than_nothing(self, request, file):
        self._send(request, file, Content_Length=-1)

    def says_nonsense(self, request, file):
        self._send(request, file, Content_Length="all of it")

    def says_a_petabyte(self, request, file):
        self._send(request, file, Content_Length=10**15)

    def says_two_things(self, request, file):
        self._send(request, file, Content_Length=f"{len(file)}, 10")

    def sends_nothing(self, request, file):
        self._send(request, b"", 204)

    def sends_a_part(self, request, file):
        self._send(request, file[:1000], 206)

    def resets(self, request, file):
        self._send(request, file[:1000], Content_Length=len(file))
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.connection.close()

    def endless(self, request, file):
        self._send(request, b"", Content_Length=None)
        self._endlessly(request, bytes(10**6))

    def endless_and_packed(self, request, file):
        self._send(request, b"", Content_Length=None, Content_Encoding="gzip")
        self._endlessly(request, gzip.compress(bytes(10**7)))

    def endless_headers(self, request, file):
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        self._endlessly(request, b"X: y\r\n" * 1000)

    def endless_header(self, request, file):
        request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        self._endlessly(request, b"y" * 10**5)

    def endless_promises(self, request, file):
        self._endlessly(request, b"HTTP/1.1 100 Continue\r\n\r\n")

    def endless_chunk_size(self, request, file):
        request.protocol_version = "HTTP/1.1"
        self._send(request, b"", Content_Length=None, Transfer_Encoding="chunked")
        self._endlessly(request, b"0" * 10**5)

    def _endlessly(self, request, piece):
        while not self.released.is_set():
            request.wfile.write(piece)

    def cut_short(self, request, file):
        self._send(request, file[: len(file) // 2], Content_Length=len(file))

    def missing(self, request, file):
        self._send(request, b"not here", 404)

    def forbidden(self, request, file):
        self._send(request, b"not you", 403)

    def broken(self, request, file):
        self._send(request, b"not now", 500)

    def no_http(self, request, file):
        request.wfile.write(b"what?\r\n\r\n")

    def hangs(self, request, file):
        self.released.wait(30)

    def hangs_midway(self, request, file):
        self._send(request, file[: len(file) // 2], Content_Length=len(file))
        self.released.wait(30)

    def drips(self, request, file):
        self._send(request, b"", Content_Length=len(file))
        self._drip(request, b"%c", file)

    def drips_in_chunks(self, request, file):
        request.protocol_version = "HTTP/1.1"
        self._send(request, b"", Content_Length=None, Transfer_Encoding="chunked")
        self._drip(request, b"1\r\n%c\r\n", file)

    def drips_headers(self, request, file):
        self._drip(request, b"%c", b"HTTP/1.1 200 OK\r\nX: " + bytes(10**6))

    def _drip(self, request, form, data):
        for byte in data:
            request.wfile.write(form % byte)
            if self.released.wait(0.05):
                break


@pytest.fixture
def mirrors(monkeypatch):
    """Serve the genuine files; `mirrors.use("missing", "good")` sets the order in which mirrors are tried."""
    mirrors = Mirrors()

    def use(*order):
        addresses = tuple(each if "://" in each else f"{mirrors.address}/{each}/" for each in order)
        monkeypatch.setattr(datasets, "MNIST_MIRRORS", addresses)
        return addresses

    mirrors.use = use
    monkeypatch.setattr(datasets, "MIRROR_SCHEME", "http")  # a server here has no certificate
    monkeypatch.setattr(datasets, "MIRROR_TIMEOUT", 0.7)
    yield mirrors
    mirrors.close()


@needs_genuine
@pytest.mark.parametrize(
    "mirror",
    [
        "good",
        "without_length",
        "says_nonsense",
        "says_less_than_nothing",
        "in_chunks",
        "called_packed",
        "moved",
        "moved_under_an_endless_page",
    ],
)
def test_download(mirrors, cache_folder, mirror):
    mirrors.use(mirror, "broken")
    with bounded(2**25, 5):
        digits = datasets.mnist("test")
    assert_genuine(digits)
    assert names(cache_folder) == [IMAGES, LABELS]
    assert all((cache_folder / name).read_bytes() == (GENUINE / name).read_bytes() for name in (IMAGES, LABELS))
    assert not [request for request in mirrors.requests if request.startswith("broken")]


@needs_genuine
def test_download_where_the_named_folder_is_empty_text(mirrors, monkeypatch):
    mirrors.use("good")
    monkeypatch.setenv("CNNLAB_MNIST_DIR", "")
    assert_genuine(datasets.mnist("test"))


@needs_genuine
def test_download_shows_a_bar_for_each_file_that_fills_up(mirrors, capfd):
    mirrors.use("good")
    datasets.mnist("test")
    output, shown = capfd.readouterr()
    assert output == ""
    assert f"{IMAGES}: 100%" in shown
    assert "1.65M/1.65M" in shown
    assert f"{LABELS}: 100%" in shown


@needs_genuine
def test_download_happens_once(mirrors, cache_folder, capfd):
    mirrors.use("good")
    first = datasets.mnist("test")
    assert mirrors.requests == [f"good/{IMAGES}", f"good/{LABELS}"]
    capfd.readouterr()
    second = datasets.mnist("test")
    assert len(mirrors.requests) == 2
    assert capfd.readouterr() == ("", "")
    np.testing.assert_array_equal(first.images, second.images)


@needs_genuine
def test_download_is_not_tried_where_the_cache_holds_the_files(monkeypatch):
    """A cache that someone else filled, and that cannot be written to, is as good."""
    monkeypatch.setenv("CNNLAB_CACHE_DIR", str(GENUINE))
    monkeypatch.setattr(datasets, "_fetch", lambda *arguments: pytest.fail("downloaded"))
    monkeypatch.setattr(datasets, "_replacing", lambda *arguments: pytest.fail("wrote"))
    assert_genuine(datasets.mnist("test"))


@needs_genuine
@pytest.mark.parametrize("spoil", [lambda good: b"", lambda good: good[:-1], lambda good: good[:9] + b"?" + good[10:]])
def test_download_replaces_a_damaged_file_in_the_cache_and_no_other(mirrors, cache_folder, spoil):
    mirrors.use("good")
    datasets.mnist("test")
    (cache_folder / LABELS).write_bytes(spoil((cache_folder / LABELS).read_bytes()))
    assert_genuine(datasets.mnist("test"))
    assert mirrors.requests == [f"good/{IMAGES}", f"good/{LABELS}", f"good/{LABELS}"]
    assert names(cache_folder) == [IMAGES, LABELS]


@needs_genuine
def test_download_keeps_a_damaged_file_out_even_when_no_mirror_helps(mirrors, cache_folder):
    cache_folder.mkdir()
    (cache_folder / IMAGES).write_bytes(b"damaged")
    mirrors.use("missing")
    assert "answered 404" in failure(OSError, lambda: datasets.mnist("test"))


WRONG = "sent a file with a wrong checksum"
SLOW = "sent nothing, or too little, for 0.7 s"
OFF = "could not be reached, or broke off"
FAILURES = {
    "altered": WRONG,
    "shorter": WRONG,
    "longer": WRONG,
    "empty": WRONG,
    "login_page": WRONG,
    "endless": WRONG,
    "endless_and_packed": WRONG,
    "endless_headers": OFF,
    "endless_header": OFF,
    "endless_promises": SLOW,
    "endless_chunk_size": OFF,
    "says_less": WRONG,
    "says_a_petabyte": (OFF, WRONG),
    "says_two_things": OFF,
    "sends_nothing": WRONG,
    "sends_a_part": WRONG,
    "resets": OFF,
    "cut_short": (OFF, WRONG),  # urllib3 before 2.0 does not count, and the checksum tells
    "missing": "answered 404",
    "forbidden": "answered 403",
    "broken": "answered 500",
    "no_http": OFF,
    "moved_nowhere": WRONG,
    "moved_in_a_circle": f"{OFF} (TooManyRedirects)",
    "hangs": SLOW,
    "hangs_midway": SLOW,
    "drips": SLOW,
    "drips_in_chunks": SLOW,
    "drips_headers": SLOW,
}


@needs_genuine
@pytest.mark.parametrize("mirror", FAILURES)
def test_download_that_no_mirror_delivers(mirrors, cache_folder, mirror):
    (address,) = mirrors.use(mirror)
    start = time.perf_counter()
    with bounded(2**25, 5):
        message = failure(OSError, lambda: datasets.mnist("test"))
    assert time.perf_counter() - start < 5
    reasons = FAILURES[mirror] if isinstance(FAILURES[mirror], tuple) else (FAILURES[mirror],)
    assert message.startswith(tuple(f"{IMAGES} could not be downloaded ({address} {reason}" for reason in reasons))
    assert message.endswith(
        "): try again with a network, or put the MNIST files into a folder and set CNNLAB_MNIST_DIR to it, "
        "or use mnist_sample(), which needs no network"
    )
    assert names(cache_folder) == []


@needs_genuine
@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/good/x",
        "HTTP://127.0.0.1:{port}/good/x",
        "//127.0.0.1:{port}/good/x",
        "file:///etc/passwd",
        "ftp://localhost/x",
        "data:,x",
        "x:",
        "https:x y",
        "//[",
        "\\\\host\\x",
    ],
)
def test_download_follows_to_no_address_without_encryption(mirrors, monkeypatch, cache_folder, address):
    """The mirror that redirects is made up: a server here has no certificate. The one it redirects to is true."""
    monkeypatch.setattr(datasets, "MIRROR_SCHEME", "https")
    monkeypatch.setattr(datasets, "MNIST_MIRRORS", ("https://mirror.invalid/",))
    asked = []

    def send(adapter, request, **options):
        asked.append(request.url)
        response = requests.Response()
        response.status_code, response.url, response.raw = 302, request.url, io.BytesIO()
        response.headers["Location"] = address.format(port=mirrors.server.server_port)
        return response

    real = requests.adapters.HTTPAdapter.send
    monkeypatch.setattr(
        requests.adapters.HTTPAdapter,
        "send",
        lambda adapter, request, **options: (send if "invalid" in request.url else real)(adapter, request, **options),
    )
    message = failure(OSError, lambda: datasets.mnist("test"))
    assert "(https://mirror.invalid/ " in message
    if not address.startswith(("//", "https", "\\")):
        assert "leads to an address that is not https" in message
        assert asked == [f"https://mirror.invalid/{IMAGES}"]
    assert mirrors.requests == []
    assert names(cache_folder) == []


@pytest.mark.parametrize("mirror", ["http://127.0.0.1:9/", "file:///dev/", "", "//", "ftp://127.0.0.1/"])
def test_download_asks_no_mirror_without_encryption(monkeypatch, mirror):
    monkeypatch.setattr(datasets, "MNIST_MIRRORS", (mirror,))
    assert "leads to an address that is not https" in failure(OSError, lambda: datasets.mnist("test"))


@needs_genuine
@pytest.mark.parametrize("mirror", ["altered", "shorter", "cut_short", "missing", "broken", "hangs", "drips"])
def test_download_goes_on_to_the_next_mirror(mirrors, cache_folder, mirror):
    mirrors.use(mirror, "good")
    assert_genuine(datasets.mnist("test"))
    assert mirrors.requests == [f"{mirror}/{IMAGES}", f"good/{IMAGES}", f"{mirror}/{LABELS}", f"good/{LABELS}"]
    assert names(cache_folder) == [IMAGES, LABELS]


@needs_genuine
def test_download_says_of_each_mirror_what_went_wrong(mirrors, cache_folder):
    one, two, three = mirrors.use("missing", "altered", "hangs")
    message = failure(OSError, lambda: datasets.mnist("test"))
    assert f"({one} answered 404; {two} {WRONG}; {three} {SLOW})" in message
    assert names(cache_folder) == []


def test_download_without_a_network(monkeypatch, cache_folder):
    """Nothing listens on the first port; the second name does not resolve; the third never does."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    real, released = socket.getaddrinfo, threading.Event()

    def getaddrinfo(host, *rest, **options):
        if host == "slow.invalid":
            released.wait(30)
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(datasets, "MIRROR_SCHEME", "http")
    monkeypatch.setattr(datasets, "MIRROR_TIMEOUT", 3.0 if os.name == "nt" else 0.7)  # Windows takes 2 s to refuse
    addresses = f"http://127.0.0.1:{port}/", "http://none.invalid/", "http://slow.invalid/"
    monkeypatch.setattr(datasets, "MNIST_MIRRORS", addresses)
    try:
        message = failure(OSError, lambda: datasets.mnist("test"))
    finally:
        released.set()
    assert message.startswith(
        f"{IMAGES} could not be downloaded ({addresses[0]} {OFF} (ConnectionError); "
        f"{addresses[1]} {OFF} (ConnectionError); {addresses[2]} sent nothing, or too little, for "
    )
    assert "try again with a network" in message
    assert names(cache_folder) == []


@needs_genuine
@pytest.mark.parametrize("mirror", ["drips_in_chunks", "hangs"])
def test_download_that_was_given_up_ends_although_the_mirror_does_not(mirrors, mirror):
    (address,) = mirrors.use(mirror)
    failure(OSError, lambda: datasets.mnist("test"))
    patience = time.monotonic() + 5
    while any(thread.name.startswith(address) for thread in threading.enumerate()):
        assert time.monotonic() < patience
        time.sleep(0.02)
    assert not mirrors.released.is_set()


@needs_genuine
def test_download_accepts_a_slow_mirror_that_keeps_going(mirrors, monkeypatch):
    """Longer than the time limit in all, but never without a piece for so long."""

    def slowly(request, file):
        mirrors._send(request, b"", Content_Length=len(file))
        for start in range(0, len(file), 200_000):
            request.wfile.write(file[start : start + 200_000])
            time.sleep(0.15)

    mirrors.slowly = slowly
    address = f"{mirrors.use('slowly')[0]}{IMAGES}"
    start = time.perf_counter()
    good = (GENUINE / IMAGES).read_bytes()
    assert datasets._fetch(address, len(good), hashlib.sha256(good).hexdigest()) == good
    assert time.perf_counter() - start > 0.9


@needs_genuine
def test_download_that_is_interrupted_leaves_nothing(mirrors, cache_folder, monkeypatch):
    mirrors.use("hangs_midway")
    real = threading.Thread.join

    def join(thread, timeout=None):
        if mirrors.requests and timeout == 0.1:
            raise KeyboardInterrupt
        return real(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", join)
    with pytest.raises(KeyboardInterrupt):
        datasets.mnist("test")
    assert names(cache_folder) == []
