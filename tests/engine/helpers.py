"""What the tests of the engine call."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import psutil


def wait_until(condition: Callable[[], Any], what: str, node: Any = None, seconds: float = 60.0) -> Any:
    """Wait until a condition holds; fail with the name of what did not come true, and with what `node` says."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.1)
    raise AssertionError(f'not within {seconds} s: {what}' + ('' if node is None else f'\n{_story(node)}'))


def _story(node: Any) -> str:
    """Everything that helps to understand why a process stands still."""
    from aiida.cmdline.utils.common import get_workchain_report

    lines = [get_workchain_report(node, 'REPORT')]
    for process in (node, *node.called):
        lines.append(
            f'{process.pk} {process.process_label} {process.process_state} {process.process_status} {process.exception}'
        )
    return '\n'.join(lines)


def kill_workers(client: Any) -> list[int]:
    """Kill all workers of a daemon as a crash would; the daemon starts others."""
    # A daemon that is just starting a worker answers that it is busy, and says nothing of workers.
    pids = [int(pid) for pid in wait_until(lambda: client.get_worker_info().get('info'), 'the daemon has workers')]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return pids


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def evaluations(node: Any) -> list[Any]:
    """The function jobs of a workflow."""
    from aiida import orm

    return [child for child in node.called if isinstance(child, orm.CalcJobNode)]
