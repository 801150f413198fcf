"""A function call off the event loop: in an interpreter of its own, or in a thread.

An interpreter is told to end by closing a pipe. So it ends when the worker does, whatever that died of (see
`interpreter_main`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from .computing import compute
from .messages import pack, unpacking

__all__ = ('Report', 'compute_in_interpreter', 'compute_in_thread')

#: Content and blobs of a message.
Report = tuple[dict[str, Any], dict[str, bytes]]

_PRINTED_LIMIT = 100_000
_PATIENCE = 1.0
#: The path is that of this process: what can be imported here can be imported there.
_START = 'import sys; sys.path[:] = {path!r}; from aiida_dreamflow.jobs.interpreter_main import main; main()'

_cores: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def compute_in_interpreter(content: Mapping[str, Any], blobs: Mapping[str, bytes]) -> tuple[Report, str]:
    """Start an interpreter, when a core is free for it, and let it compute. It ends with this call, even if cancelled.

    :param content: what `computing.request` gave.
    :param blobs: the same.
    :returns: the report, and what was printed.
    """
    cores = _cores.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(os.cpu_count() or 1))
    async with cores:
        # Not asyncio's own: that kills what it has started, here the guard, when it is thrown away.
        process = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, '-I', '-c', _START.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            return await _converse(process, pack(content, blobs))
        finally:
            process.terminate()
            for pipe in (process.stdin, process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()
            # It ends within milliseconds, and must not stay behind as a zombie.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)


async def _converse(process: subprocess.Popen[bytes], pieces: list[bytes]) -> tuple[Report, str]:
    loop = asyncio.get_running_loop()
    reports, printed = asyncio.StreamReader(), asyncio.StreamReader()
    opened: list[asyncio.ReadTransport | asyncio.WriteTransport] = []
    try:
        for reader, pipe in ((reports, process.stdout), (printed, process.stderr)):
            transport, _ = await loop.connect_read_pipe(partial(asyncio.StreamReaderProtocol, reader), pipe)
            opened.append(transport)
        writer, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        opened.append(writer)
        printing = loop.create_task(_read_end(printed))
        writer.writelines(pieces)
        report = await _receive(reports)
        await reports.read()  # until the interpreter has ended
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(printing), _PATIENCE)
        text = printing.result() if printing.done() else b''
        if report is None:
            number = process.wait(_PATIENCE)
            report = {'status': 'died', 'signal': number}, {}
        return report, text.decode('utf-8', 'replace')
    finally:
        for each in opened:
            if not each.is_closing():
                each.abort() if isinstance(each, asyncio.WriteTransport) else each.close()


async def _receive(reader: asyncio.StreamReader) -> Report | None:
    """Return the report, ``None`` if the interpreter ended without one."""
    reading = unpacking()
    size = next(reading)
    while True:
        try:
            size = reading.send(await reader.readexactly(size))
        except asyncio.IncompleteReadError:
            return None
        except StopIteration as done:
            report: Report = done.value
            return report


async def _read_end(reader: asyncio.StreamReader) -> bytes:
    """Read to the end, and return the last part."""
    text = b''
    while data := await reader.read(65536):
        text = (text + data)[-_PRINTED_LIMIT:]
    return text


async def compute_in_thread(content: Mapping[str, Any], blobs: Mapping[str, bytes]) -> tuple[Report, str]:
    """Let a thread compute; one that does not keep the worker from ending, as those of `asyncio.to_thread` do.

    :param content: what `computing.request` gave.
    :param blobs: the same.
    :returns: the report, and an empty text: what is printed goes to the worker's output.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Report] = loop.create_future()

    def tell(report: Report) -> None:
        if not done.done():
            done.set_result(report)

    def work() -> None:
        report = compute(content, blobs)
        with contextlib.suppress(RuntimeError):  # the worker has ended
            loop.call_soon_threadsafe(tell, report)

    threading.Thread(target=work, daemon=True, name='dreamflow run').start()
    return await done, ''
