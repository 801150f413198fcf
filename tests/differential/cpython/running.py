"""One case, run one way, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random
import re
import select
import signal
import sys
import tempfile
import time
import traceback
import types
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from aiida_dreamflow.compiler import compile_function
from aiida_dreamflow.exceptions import CannotStoreError, CompileError
from aiida_dreamflow.testing import memory, run_in_memory

from . import points
from .selecting import Case

__all__ = ('WAYS', 'in_process', 'module_for_functions', 'run', 'warm_up')

#: A run's memory, in bytes.
_MEMORY = 3 << 30
#: A run may take so many times longer than what it may compute.
_PATIENCE = 3
#: The file that a case prints to.
_PRINTED = 201
_ADDRESS = re.compile(r'\b0x[0-9a-fA-F]{6,}\b')


def _straight(function: Any, case: unittest.TestCase) -> Any:
    return run_in_memory(function, case, restart=False)


def _restarted(function: Any, case: unittest.TestCase) -> Any:
    """Run with restarts, and keep no function or class alive across them: they too must come back from the frame."""
    with mock.patch.object(memory, 'LiveCodec', _NothingLives):
        return run_in_memory(function, case, restart=True)


class _NothingLives(memory.LiveCodec):
    def encode(self, value: object, ref: Callable[[object], Any]) -> None:
        return None


WAYS: dict[str, Callable[[Any, unittest.TestCase], Any]] = {
    'natively': lambda function, case: asyncio.run(function(case)),
    'straight': _straight,
    'restarted': _restarted,
    'kept alive': lambda function, case: run_in_memory(function, case, restart=True),
}


def run(case: Case, function: Any, way: str) -> dict[str, Any]:
    """Run a case and return what was seen, as JSON.

    :param case: the test method.
    :param function: its woven form.
    :param way: one of `WAYS`.
    """
    seen: dict[str, Any] = {'outcome': 'passed'}
    try:
        _run_test(case, function, WAYS[way])
    except unittest.SkipTest as reason:
        seen = {'outcome': 'skipped', 'message': str(reason)}
    except (CompileError, CannotStoreError) as error:
        seen = {'outcome': 'refused', **_refusal(error)}
    except BaseException as error:
        seen = {'outcome': 'failed', **_failure(error)}
    seen['printed'] = _ADDRESS.sub('0x...', _printed())
    seen['visits'] = points.visits
    seen['total'] = points.total()
    return seen


def _printed() -> str:
    """Return what this process has written to its standard output."""
    assert sys.__stdout__ is not None
    with contextlib.suppress(ValueError, OSError):
        sys.__stdout__.flush()
    os.lseek(_PRINTED, 0, os.SEEK_SET)
    with open(_PRINTED, closefd=False, errors='backslashreplace') as stream:
        return stream.read()


def _run_test(case: Case, function: Any, way: Callable[[Any, unittest.TestCase], Any]) -> None:
    """Do what `unittest.TestCase.run` does, where an exception is an exception."""
    random.seed(0)
    module = sys.modules[case.cls.__module__]
    getattr(module, 'setUpModule', lambda: None)()
    case.cls.setUpClass()
    instance = case.cls(case.method)
    refused = False
    try:
        instance.setUp()
        instance = way(function, instance)
        instance.tearDown()
    except (CompileError, CannotStoreError):
        refused = True  # in the middle of anything: what cleans up may wait for what never comes
        raise
    finally:
        if not refused:
            instance.doCleanups()
            case.cls.tearDownClass()
            case.cls.doClassCleanups()


def _refusal(error: CompileError | CannotStoreError) -> dict[str, Any]:
    if isinstance(error, CompileError):
        return {'kind': 'CompileError', 'reason': error.msg or str(error), 'message': str(error)}
    return {'kind': f'CannotStoreError {error.value_type}', 'reason': error.reason, 'message': str(error)}


def _failure(error: BaseException) -> dict[str, Any]:
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    message = _ADDRESS.sub('0x...', str(error))
    return {'type': type(error).__qualname__, 'message': message[:4000], 'traceback': ''.join(lines)[-6000:]}


def in_process(action: Callable[[], dict[str, Any]], timeout: float, folder: Path) -> dict[str, Any]:
    """Do something in a copy of this process, and return what it returns.

    :param action: what to do.
    :param timeout: after how many seconds of computing to end the process.
    :param folder: an empty folder to work in.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(action, writing, folder, timeout)
    os.close(writing)
    try:
        text = b''.join(_read(reading, time.monotonic() + _PATIENCE * timeout))
    except TimeoutError:
        return {'outcome': 'timeout', 'message': f'longer than {timeout} s'}
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    try:
        return json.loads(text)
    except ValueError:
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
            return {'outcome': 'timeout', 'message': f'longer than {timeout} s'}
        return {'outcome': 'died', 'message': f'wait status {status}'}


def _child(action: Callable[[], dict[str, Any]], writing: int, folder: Path, timeout: float) -> None:
    try:
        os.setpgid(0, 0)
        # Files that a test closes by number must not be these.
        high = 200
        os.dup2(writing, high, inheritable=False)
        printed = tempfile.TemporaryFile()
        os.dup2(printed.fileno(), _PRINTED, inheritable=False)
        os.close(writing)
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
        null = os.open(os.devnull, os.O_RDWR)
        for number, file in enumerate((null, _PRINTED, null)):
            os.dup2(file, number)
        _limit(timeout)
        answer = json.dumps(action())
        with open(high, 'w', closefd=False) as stream:
            stream.write(answer)
    finally:
        os._exit(0)


def _limit(timeout: float) -> None:
    """Limit the memory and, as the machine may be busy, the time that is computed."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (int(timeout) + 1, int(timeout) + 2))


def _read(reading: int, deadline: float) -> Iterator[bytes]:
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(reading, 1 << 16)
        if not part:
            return
        yield part


def warm_up() -> None:
    """Prepare this process for being copied."""
    for function in (points.here, points.passing):
        compile_function(function)
    gc.collect()
    gc.freeze()


def module_for_functions() -> types.ModuleType:
    """Return the module by whose name woven functions are found again."""
    return sys.modules.setdefault('dreamflow_woven', types.ModuleType('dreamflow_woven'))
