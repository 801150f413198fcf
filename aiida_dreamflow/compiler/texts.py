"""The text that the code of a session was compiled from, whatever its file says by now.

Python keeps the text of no function: tracebacks, and all who ask for a source, read the file, or what they have read of it before.
Where it was edited after it was imported, that is another program than the one that runs. So a text is taken if it compiles to
the code that is there; what was taken is remembered, for a file is read anew once it has changed.

Modules that the import system has compiled as they stand in their file are looked at, and no others: a notebook's cells are kept by
their text, and who rewrites code as it is imported, as pytest does, knows why. Modules that are frozen into the interpreter, `os`
and `collections.abc` among them, have their files beside it.
"""

from __future__ import annotations

import itertools
import linecache
import tokenize
import types
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cells import bodies_of_magics
from .quietly import compiled

if TYPE_CHECKING:
    from .units import Unit

__all__ = ('WRAPPER', 'blanked', 'codes_of', 'file_of', 'is_text_of', 'lines_of', 'text_now', 'text_of')

#: Put above a definition cut out of a function or block: it keeps its indentation, and so its strings and columns.
WRAPPER = 'if True:\n'

_taken: dict[str, list[list[str]]] = {}

#: Where the files of relative names were found.
_places: dict[str, list[str]] = {}


def file_of(code: types.CodeType) -> str:
    """Return the whole name of the file that code was compiled from.

    A script that is executed (``verdi run sq.py``, ``runpy.run_path``) has the name that was given, which means another file, or none, in
    another folder.

    :returns: its name as it is, if it is the name of no file that has the code, as that of a cell is.
    """
    name = code.co_filename
    if name.startswith('<') or Path(name).is_absolute():
        return name
    known = _places.setdefault(name, [])
    for place in dict.fromkeys([str(Path.cwd() / name), *known]):
        lines = text_now(place).splitlines(keepends=True)
        if lines and _distance(lines, [code]) == _THE_SAME:
            if place not in known:
                known.append(place)
                linecache.getlines(place)  # its text as it is now: it may be edited later
            return place
    return known[-1] if known else name


def lines_of(function: types.FunctionType) -> list[str] | None:
    """Return the lines of the file of a function, as they were when it was compiled.

    :returns: none if it has no file; ``None`` if the file was edited since, and the old text is nowhere to be had.
    """
    filename = function.__code__.co_filename
    if '<locals>' in function.__qualname__ and filename in _taken and _is_imported(function.__globals__, filename):
        # What is around it may be a program of ours, which has compiled it in another way; its module was looked at.
        return _taken[filename][-1]
    if '<locals>' in function.__qualname__ and not filename.startswith('<frozen '):
        return linecache.getlines(file_of(function.__code__), function.__globals__)
    lines = _lines(filename, function.__globals__, [function.__code__])
    return _lines_of_magic(function) if lines == [] and filename.startswith('<') else lines


def _lines_of_magic(function: types.FunctionType) -> list[str]:
    """Return what a magic of a notebook, such as ``%%time``, has run when it made a function, none if there is no such."""
    for body in bodies_of_magics(function.__globals__):
        lines = body.splitlines(keepends=True)
        if _distance(lines, [function.__code__]) == _THE_SAME:
            return lines
    return []


def text_of(module: types.ModuleType, filename: str) -> str | None:
    """Return the text of a module, as it was when it was imported.

    :param filename: its file.
    :returns: the text, empty if there is none; ``None`` if the file was edited since, and the old text is nowhere to be had.
    """
    lines = _lines(filename, vars(module), _codes(vars(module), filename))
    return None if lines is None else ''.join(lines)


def text_now(filename: str) -> str:
    """Return the text that a file has now, empty if it has none."""
    try:
        with tokenize.open(filename) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeError):
        return ''


def blanked(lines: list[str], kept: Iterable[Unit]) -> str:
    """Return the lines of a text with everything blank that is not kept, up to the last that is."""
    units = sorted(kept, key=lambda unit: unit.first)
    result = ['\n'] * max((unit.last for unit in units), default=0)
    for unit in units:
        result[unit.first - 1 : unit.last] = lines[unit.first - 1 : unit.last]
    for before, unit in zip([None, *units], units, strict=False):
        # One directly below another one stands in the same block.
        if unit.is_cut_out and not (before is not None and before.is_cut_out and before.last == unit.first - 1):
            result[unit.first - 2] = WRAPPER
    return ''.join(line if line.endswith('\n') else line + '\n' for line in result)


def is_text_of(kept: str, text: str) -> bool:
    """Return whether a text still says what was kept of it."""
    own, now = kept.splitlines(), text.splitlines()
    return len(now) >= len(own) and all(
        mine in ('', WRAPPER.rstrip()) or mine == line for mine, line in zip(own, now, strict=False)
    )


def _lines(filename: str, namespace: dict[str, Any], running: Iterable[types.CodeType]) -> list[str] | None:
    if filename.startswith('<frozen '):
        return _lines_of_frozen(namespace, running)
    running = [*running]
    place = next((file_of(code) for code in running if code.co_filename == filename), filename)
    cached = linecache.getlines(place, namespace)
    if not _is_imported(namespace, filename):
        return cached
    codes = running
    taken = _taken.get(filename, [])
    best, lines = _OTHER, cached
    for candidate in itertools.chain([cached], taken, _lines_now(filename)):
        distance = _distance(candidate, codes)
        if distance < best:
            best, lines = distance, candidate
        if best == _THE_SAME:
            break
    if best == _THE_SAME and codes:
        _taken[filename] = [*(other for other in taken if other != lines), lines]
    return None if best == _OTHER else lines


def _lines_of_frozen(namespace: Mapping[str, Any], running: Iterable[types.CodeType]) -> list[str]:
    """Return the lines of the file that a module of the interpreter was frozen from, none if it is not there.

    From Python 3.14 on `linecache` knows them.
    """
    file = namespace.get('__file__')
    lines = linecache.getlines(file) if isinstance(file, str) else []
    return lines if _distance(lines, running) == _THE_SAME else []


def _lines_now(filename: str) -> Iterator[list[str]]:
    yield text_now(filename).splitlines(keepends=True)


def _is_imported(namespace: Mapping[str, Any], filename: str) -> bool:
    """Return whether this is the namespace of a module that was imported from that file as it stood there."""
    return type(namespace.get('__loader__')) is SourceFileLoader and namespace.get('__file__') == filename


_THE_SAME, _ELSEWHERE, _SILENT, _OTHER = range(4)


def _distance(lines: list[str], running: Iterable[types.CodeType]) -> int:
    """Return how far a text is from code that runs.

    It may say the same, or have it on other lines, or say nothing of what has that name, or something else.
    """
    found = codes_of(''.join(lines))
    worst = _THE_SAME
    for code in running:
        same_name = found.get(code.co_name, [])
        same = [other for other in same_name if _is_same(code, other)]
        if any(code.co_firstlineno == other.co_firstlineno for other in same):
            continue
        worst = max(worst, _ELSEWHERE if same else _OTHER if same_name else _SILENT)
    return worst


@lru_cache(maxsize=64)
def codes_of(text: str) -> dict[str, list[types.CodeType]]:
    """Return what a text is compiled to, by the names of functions and classes; nothing if it is no Python."""
    found: dict[str, list[types.CodeType]] = {}
    try:
        pending = [compiled(text, '<text>')]
    except (SyntaxError, ValueError):
        return found
    while pending:
        code = pending.pop()
        found.setdefault(code.co_name, []).append(code)
        pending.extend(constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return found


def _is_same(one: types.CodeType, other: types.CodeType) -> bool:
    """Return whether two codes do the same, wherever they stand."""
    return (
        one.co_code == other.co_code
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and (one.co_freevars, one.co_cellvars) == (other.co_freevars, other.co_cellvars)
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_is_same_constant, one.co_consts, other.co_consts))
    )


def _is_same_constant(one: object, other: object) -> bool:
    if isinstance(one, types.CodeType) and isinstance(other, types.CodeType):
        return _is_same(one, other)
    return type(one) is type(other) and one == other


def _codes(namespace: Mapping[str, Any], filename: str) -> Iterator[types.CodeType]:
    """Yield the code of the functions, and of the methods of classes, that a module has defined and still has."""
    for value in [*namespace.values()]:
        members = (
            vars(value).values() if isinstance(value, type) and value.__module__ == namespace.get('__name__') else ()
        )
        for each in (value, *members):
            code = getattr(each, '__code__', None) if isinstance(each, types.FunctionType) else None
            if isinstance(code, types.CodeType) and code.co_filename == filename:
                yield code
