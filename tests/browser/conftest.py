"""A JupyterLab on loopback and a headless Chromium that looks at it."""

import contextlib
import functools
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Nothing of the browser's own that would look for a network; no sandbox, as one needs to be another user for that.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
FLAGS += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]

SETTINGS = {
    # All cells are on the page, not only those in view.
    "notebook-extension/tracker": {"windowingMode": "none", "autoSave": False},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
}


def write_settings(folder, settings):
    for name, values in settings.items():
        file = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")


@pytest.fixture(scope="session")
def notebooks(tmp_path_factory):
    """A copy of the notebooks, so that nothing in the repository changes."""
    folder = tmp_path_factory.mktemp("course")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="session")
def lab(notebooks, tmp_path_factory):
    """The address of a JupyterLab that serves the copy."""
    home = tmp_path_factory.mktemp("jupyter")
    write_settings(home / "settings", SETTINGS)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={notebooks}"]
    with (home / "log.txt").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
        try:
            wait_until_it_answers(address + "/api", server, home / "log.txt")
            yield address
        finally:
            server.terminate()
            server.wait(20)


def wait_until_it_answers(address, server, log):
    for _ in range(300):
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=5).close()
            return
        if server.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start: {log.read_text(encoding='utf-8')[-2000:]}")


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.fail("no Chromium was found: install it, as in `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def open_notebook(lab, chromium):
    """Open a notebook in a new page, which notes everything that goes wrong."""

    def open_it(name, width=1400, height=1000):
        context = chromium.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.faults, page.replies = [], 0
        page.on("pageerror", lambda error: page.faults.append(f"the page: {error}"))
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: note(page, frame)))
        # On a slow start JupyterLab asks which kernel to use; its proposal is the right one.
        dialog = page.locator(".jp-Dialog")
        page.add_locator_handler(dialog, lambda: dialog.locator("button.jp-mod-accept").click())
        page.goto(f"{lab}/lab/tree/{name}?reset")
        page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell")
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
        return page

    return open_it


def note(page, frame):
    """Count the cells that the kernel has run; note what fails, writes to stderr or cannot draw."""
    text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
    text = text.replace('": "', '":"')
    page.replies += '"msg_type":"execute_reply"' in text
    # "No such comm" is JupyterLab looking for the widgets of a kernel that has none yet.
    wrong = '"msg_type":"error"' in text or "this cannot be drawn" in text
    if wrong or ('"name":"stderr"' in text and "No such comm" not in text):
        page.faults.append(f"the kernel: {text[-1500:]}")


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def serve():
    """Serve a folder, and return its address."""
    with contextlib.ExitStack() as stack:

        def serve_it(folder):
            handler = functools.partial(Silent, directory=folder)
            server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield serve_it


@pytest.fixture(scope="session")
def book(serve):
    """The address of the book, built anew; or as it is, where SITE is "built", to test what will be deployed."""
    if os.environ.get("SITE") != "built":
        result = subprocess.run([sys.executable, ROOT / "tools" / "book.py"], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
    return serve(ROOT / "site")
