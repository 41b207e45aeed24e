"""What the code of a function says without being run."""

from __future__ import annotations

import ast
import dis
import inspect
import linecache
import textwrap
from types import CodeType
from typing import Any, Callable, Iterator

import numpy as np

__all__ = [
    "code_of",
    "compiled",
    "line_text",
    "page_names",
    "returns_in_a_loop",
    "same_code",
    "source_of",
    "unused_arguments",
]

LONGEST_LINE = 80  # characters of a line that are shown


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """Return the code of a function that was written in Python, as nothing else has one."""
    return function.__code__ if inspect.isfunction(function) else None


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
    read = {name for operation, name in _names(code) if operation.startswith("LOAD_")}
    return [name for name in code.co_varnames[: code.co_argcount] if name not in read]


def returns_in_a_loop(function: Callable[..., Any], line: int) -> bool:
    """Whether the `return` in this line of the function's file stands inside a loop of the function."""
    code = code_of(function)
    if code is None:
        return False
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, SyntaxError, ValueError):  # a lambda in the middle of a line, or no text at all
        return False
    row = line - code.co_firstlineno + 1
    loops = [node for node in ast.walk(definition) if isinstance(node, (ast.For, ast.While))]
    inside = [node for loop in loops for node in ast.walk(loop) if isinstance(node, ast.Return)]
    return any(node.lineno <= row <= (node.end_lineno or row) for node in inside)


def page_names(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the arrays and numbers that the function takes from the page instead of its arguments."""
    code = code_of(function)
    if code is None:
        return {}
    names = [name for operation, name in _names(code) if operation in ("LOAD_GLOBAL", "LOAD_NAME")]
    values = {name: function.__globals__[name] for name in names if name in function.__globals__}
    kinds = (np.ndarray, int, float, np.number)
    return {name: value for name, value in values.items() if isinstance(value, kinds) and not isinstance(value, bool)}


def _names(code: CodeType) -> Iterator[tuple[str, str]]:
    """Yield every operation of a function, and of functions within it, with the names it is about."""
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        if isinstance(value, CodeType):
            yield from _names(value)
        for name in value if isinstance(value, tuple) else (value,):  # some operations load two names at once
            if isinstance(name, str):
                yield instruction.opname, name
