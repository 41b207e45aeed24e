"""What the code of a function says without being run."""

from __future__ import annotations

import ast
import dis
import inspect
import linecache
import re
import textwrap
from types import CodeType, FunctionType
from typing import Any, Callable, Iterator

import numpy as np

__all__ = [
    "code_of",
    "compiled",
    "line_text",
    "name_on_the_page",
    "page_names",
    "returns_in_a_loop",
    "same_code",
    "source_of",
    "unused_arguments",
    "written",
]

LONGEST_LINE = 80  # characters of a line that are shown
MOST_LAYERS = 100  # of decorators: a function may claim to wrap itself


def written(function: Callable[..., Any]) -> FunctionType | None:
    """Return the function that somebody wrote: below decorators, `functools.partial`, a method, a compiler's wrapper.

    Of what was written in C there is none.
    """
    try:
        for _ in range(MOST_LAYERS):
            if inspect.isfunction(function) and not hasattr(function, "__wrapped__"):
                return function
            layers = (getattr(function, name, None) for name in ("__wrapped__", "__func__", "func", "py_func"))
            function = next(filter(callable, layers))
    except Exception:  # no layer below, or an object that answers in a way of its own
        return None
    return None


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """Return the code of a function that was written in Python, as nothing else has one."""
    function_below = written(function)
    return function_below.__code__ if function_below else None


def name_on_the_page(function: Callable[..., Any]) -> str:
    """Return the name by which a page calls a function, or nothing where it has none or another one."""
    function_below = written(function)
    name = getattr(function, "__name__", "") if function_below else ""
    if function_below is None or function_below.__globals__.get(name) is not function:
        return ""
    return f"np.{name}" if function.__module__ == "numpy" else name


def source_of(function: Callable[..., Any]) -> str:
    """Return a function's text without its decorators."""
    source = textwrap.dedent(inspect.getsource(function))
    (definition,) = ast.parse(source).body
    return "\n".join(source.splitlines()[definition.lineno - 1 :])


def compiled(source: str) -> CodeType:
    """Return the code of the one function that a text defines."""
    (code,) = [value for value in compile(source, "<source>", "exec").co_consts if isinstance(value, CodeType)]
    return code


def line_text(function: Callable[..., Any], line: int) -> str:
    """Return a line of the function's file, if Python still knows it."""
    code = code_of(function)
    text = linecache.getline(code.co_filename, line).strip() if code else ""
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + " …"


def same_code(one: CodeType, other: CodeType) -> bool:
    """Whether two functions are the same but for their names, comments, docstrings and line numbers."""
    ours, theirs = list(dis.get_instructions(one)), list(dis.get_instructions(other))
    if len(ours) != len(theirs):
        return False
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a.argval, CodeType) and isinstance(b.argval, CodeType):
            if not same_code(a.argval, b.argval):
                return False
        elif (a.opname, a.argval) != (b.opname, b.argval):
            return False
    return True


def unused_arguments(function: Callable[..., Any]) -> list[str]:
    """Return the arguments that the function never reads."""
    code = code_of(function)
    if code is None:
        return []
    read = {name for operation, name in _names(code) if operation == "LOAD"}
    return [name for name in code.co_varnames[: code.co_argcount] if name not in read]


def returns_in_a_loop(function: Callable[..., Any], line: int) -> bool:
    """Whether the `return` in this line of the function's file stands inside a loop of the function."""
    code = code_of(function)
    if code is None:
        return False
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(code))).body
    except (OSError, SyntaxError, ValueError):  # a lambda in the middle of a line, or no text at all
        return False
    row = line - code.co_firstlineno + 1
    loops = [node for node in ast.walk(definition) if isinstance(node, (ast.For, ast.While))]
    inside = [node for loop in loops for node in ast.walk(loop) if isinstance(node, ast.Return)]
    return any(node.lineno <= row <= (node.end_lineno or row) for node in inside)


def page_names(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the arrays and numbers that the function takes from the page instead of its arguments."""
    function_below = written(function)
    if function_below is None:
        return {}
    page = function_below.__globals__
    names = [name for operation, name in _names(function_below.__code__) if operation == "LOAD_GLOBAL"]
    kinds = (np.ndarray, int, float, np.number)  # asked of the type, as an object may lie about its class
    found = {name: page[name] for name in names if issubclass(type(page.get(name)), kinds)}
    return {name: value for name, value in found.items() if not isinstance(value, bool)}


def _names(code: CodeType) -> Iterator[tuple[str, str]]:
    """Yield every name that a function, or a function within it, is about: ("LOAD", the name) where it is read.

    Of what is read beyond its arguments and variables the operation is "LOAD_GLOBAL".
    """
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        if isinstance(value, CodeType):
            yield from _names(value)
        names = value if isinstance(value, tuple) else (value,)
        for operation, name in zip(re.findall("LOAD_GLOBAL|LOAD|STORE", instruction.opname), names, strict=False):
            if isinstance(name, str):
                yield operation, name
