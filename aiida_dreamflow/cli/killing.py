"""``dreamflow kill``: ends a run whatever its worker does, in the middle of C code, too."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Any

import click

#: How many seconds a worker has to answer, and how long to wait for the next one, which begins and then looks what there is to do.
_PATIENCE, _TAKING_OVER = 15.0, 90.0

_MESSAGE = 'Killed through `dreamflow kill`'


def kill(node: Any) -> None:
    """Kill a run: as ``verdi process kill`` does; if nobody answers, end its worker and have the next one kill it."""
    from aiida_dreamflow.jobs.lease import holder_of, note_kill

    if node.is_terminated:
        click.echo(f'{node.process_label} {node.pk} has ended already')
        return
    _ask(node.pk)
    if not _ends(node, _PATIENCE):
        note_kill(node.pk, _MESSAGE)
        worker = holder_of(node.pk)
        if worker is None:
            click.echo('no worker has it: the next one that takes it on kills it')
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
            click.echo(
                f'its worker {worker} does not answer, and was ended; the next one kills it, and goes on with all else'
            )
        if not _ends(node, _TAKING_OVER):
            raise click.ClickException(f'{node.pk} has not ended yet: is the daemon running? `verdi daemon status`')
    click.echo(f'{node.process_label} {node.pk} has ended')


def _ask(pk: int) -> None:
    from aiida.manage import get_manager

    with contextlib.suppress(Exception):  # no broker, or nobody there who could be asked
        get_manager().get_process_controller().kill_process(pk, msg_text=_MESSAGE)


def _ends(node: Any, seconds: float) -> bool:
    """Return whether a process ends within some time."""
    from aiida import orm

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        node.backend.get_session().rollback()  # see what others have written
        if orm.load_node(node.pk).is_terminated:
            return True
        time.sleep(0.5)
    return False
