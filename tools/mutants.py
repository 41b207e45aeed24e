"""Break the ground floor in more than two thousand ways, one by one, and count what the tests notice.

    python tools/mutants.py [NAME ...]

mutmut says what to break: a + becomes a −, a 1 a 2, an argument None. Each break is tried in a child process, with the
tests that reach the function, quickest first, until one of them fails. What no test notices must stand in
tests/MUTANTS.md with the reason. So that nothing counts as noticed that was not broken, an unbroken copy of each
function is tried too, and must pass. With names, as in "losses" or "as_float", only what bears one of them is tried.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import signal
import sys
import time
from pathlib import Path
from types import CodeType
from typing import Any, Iterator, NamedTuple

import pytest
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "MUTANTS.md"
FLOOR = ("activations", "convolution", "gradient_check", "linear", "losses", "normalization", "pooling")
MODULES = ("_checks", *FLOOR)
TESTS = [f"tests/test_{name}.py" for name in ("arguments", "checks", "errors", *FLOOR)]
TESTS += ["--deselect=tests/test_errors.py::test_no_error_is_without_a_case"]  # goes by numbers of lines
ENOUGH = 95  # per cent
MOST_MEMORY = 2**32  # bytes: what has lost the limit of an array's size must not take the machine down


class Mutant(NamedTuple):
    """One function with one break in it."""

    module: str
    function: str
    before: str
    after: str

    def lines(self) -> list[str]:
        """Show the lines that differ."""
        diff = list(difflib.ndiff(self.before.splitlines(), self.after.splitlines()))
        return [f"{line[0]} {line[1:].strip()}" for line in diff if line[0] in "+-"]

    def target(self) -> Any:
        """Find the function itself, which every module that imports it shares."""
        found: Any = importlib.import_module(f"cnnlab.{self.module}")
        for name in self.function.split("."):
            found = vars(found)[name]
        return inspect.unwrap(found)

    def put_in(self) -> None:
        """Give the function the broken body and default values."""
        function = self.target()
        names = dict(function.__globals__)
        source = f"from __future__ import annotations\n{self.after}"
        exec(compile(source, function.__code__.co_filename, "exec"), names)  # noqa: S102
        broken = inspect.unwrap(names[function.__name__])
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            setattr(function, part, getattr(broken, part))


def mutants() -> Iterator[Mutant]:
    """List all that can be broken in the ground floor's functions, and before it each function unbroken."""
    import libcst  # loaded here: the course's own environment, in which this file is searched for examples, lacks it
    from mutmut.mutation.file_mutation import MutationVisitor, create_mutations, deep_replace

    skip = MutationVisitor._skip_node_and_children

    def skip_but_not_what_errstate_decorates(visitor: Any, node: Any) -> bool:
        # mutmut leaves decorated functions alone, as it cannot know what a decorator makes of them.
        if isinstance(node, libcst.FunctionDef):
            calls = [libcst.Module([]).code_for_node(decorator.decorator) for decorator in node.decorators]
            return not all(call.startswith("np.errstate(") for call in calls)
        return skip(visitor, node)

    MutationVisitor._skip_node_and_children = skip_but_not_what_errstate_decorates
    for name in MODULES:
        path = ROOT / "cnnlab" / f"{name}.py"
        module, mutations, _, _ = create_mutations(str(path), path.read_text(encoding="utf-8"))
        names = {}
        for outer in module.body:
            if isinstance(outer, libcst.FunctionDef):
                names[outer] = outer.name.value
            elif isinstance(outer, libcst.ClassDef):
                names |= {
                    inner: f"{outer.name.value}.{inner.name.value}"
                    for inner in outer.body.body
                    if isinstance(inner, libcst.FunctionDef)
                }
        for function in names:
            before = libcst.Module([function]).code
            yield Mutant(name, names[function], before, before)
            for mutation in mutations:
                if mutation.contained_by_top_level_function is function:
                    broken = deep_replace(function, mutation.original_node, mutation.mutated_node)
                    yield Mutant(name, names[function], before, libcst.Module([broken]).code)


class Trial:
    """Takes the place of pytest's loop over the tests."""

    def __init__(self, names: list[str]) -> None:
        chosen = [mutant for mutant in mutants() if not names or {mutant.module, mutant.function} & set(names)]
        self.tried, self.alive = chosen, []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests once as they are, and then once for each mutant."""
        if session.testsfailed:
            raise session.Failed("a test file cannot be read")
        seconds, reached = {}, {}
        for item in session.items:
            began = time.perf_counter()
            reached[item] = calls_of(lambda item=item: passes(item))
            seconds[item] = time.perf_counter() - began
        in_order = sorted(session.items, key=lambda item: seconds[item])
        children: dict[int, tuple[Mutant, float]] = {}
        for count, mutant in enumerate(self.tried):
            items = [item for item in in_order if mutant.target().__code__ in reached[item]]
            while len(children) >= (os.cpu_count() or 1):
                self._collect(children)
            child = os.fork()
            if not child:
                noticed = True
                try:
                    mutant.put_in()
                    noticed = not all(map(passes, items))
                finally:
                    os._exit(noticed)
            children[child] = mutant, time.monotonic() + 10 + 5 * sum(map(seconds.get, items))
            if count % 100 == 0:
                print(f"{count} of {len(self.tried)} tried", file=sys.__stderr__)
        while children:
            self._collect(children)
        return True

    def _collect(self, children: dict[int, tuple[Mutant, float]]) -> None:
        """Wait for a child to end, and end it where a loop never does."""
        for child, (mutant, until) in list(children.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                del children[child]
                if status == 0:
                    self.alive.append(mutant)
            elif time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def passes(item: pytest.Item) -> bool:
    """Run one test, with its fixtures."""
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def calls_of(run: Any) -> set[CodeType]:
    """Run a test that must pass, and note the functions of Python that it calls."""
    called = set()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code) if event == "call" else None)
    try:
        passed = run()
    finally:
        sys.setprofile(None)
    if not passed:
        raise pytest.Session.Failed("a test fails without any mutant")
    return called


class WithoutTorch:
    """Hides PyTorch, installed or not: loops, SciPy and differences must notice alone."""

    def find_spec(self, name: str, *_: object) -> None:
        """Find nothing."""
        if name == "torch":
            raise ModuleNotFoundError(name)


def main(names: list[str]) -> int:
    """Try the mutants, show those that live without a reason in the list, and return the exit code."""
    import resource  # Windows has none, and no fork

    os.chdir(ROOT)
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    sys.meta_path.insert(0, WithoutTorch())
    trial = Trial(names)
    code = pytest.main(["-q", "-o", "addopts=", "-p", "no:cacheprovider", "--strict-config", *TESTS], plugins=[trial])
    if code:
        return code
    unbroken, broken = ([mutant for mutant in trial.tried if bool(mutant.lines()) is kind] for kind in (False, True))
    if failing := [mutant.function for mutant in unbroken if mutant not in trial.alive]:
        sys.exit(f"unbroken copies fail, so nothing is proved: {', '.join(failing)}")
    alive = [mutant for mutant in broken if mutant in trial.alive]
    listed = LIST.read_text(encoding="utf-8")
    unlisted = [mutant for mutant in alive if f"`{mutant.lines()[-1][2:]}`" not in listed]
    for mutant in unlisted:
        print(f"{mutant.module}.{mutant.function}", *mutant.lines(), sep="\n")
    noticed = 100 * (1 - len(alive) / len(broken))
    print(f"{len(broken)} mutants, {len(alive)} live, {len(unlisted)} without a reason: {noticed:.1f} % noticed")
    return int(noticed < ENOUGH or bool(unlisted))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
