"""Runs workflow functions in several processes with different hash seeds: at awaits the frame goes from one to the next.

``python -m tests.differential.elsewhere`` is one such process. It reads a request a line, and answers with what it saw:
a frame at an await, or the end. What was printed is joined by the one who asks.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiida_dreamflow.runtime import Failed, Machine, Returned
from aiida_dreamflow.testing import memory
from aiida_dreamflow.values.frame import load_frame, store_frame

from .comparing import Seen, observe

ROOT = Path(__file__).resolve().parents[2]


class Elsewhere:
    """Processes that hand a workflow on to each other.

    :param seeds: the hash seed of each.
    """

    def __init__(self, seeds: list[int]) -> None:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
        command = [sys.executable, '-m', 'tests.differential.elsewhere']
        self._processes = [
            subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, 'PYTHONPATH': path, 'PYTHONHASHSEED': str(seed)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed in seeds
        ]

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.communicate()

    def seen(self, function: Any, awaits: Callable[[], int]) -> tuple[dict[str, Any], int]:
        """Run a function without arguments; return what it shows, as JSON has it, and how often it moved.

        :param function: a function of a module.
        :param awaits: asked again and again, after how many awaits to move.
        """
        state: dict[str, Any] = {'function': [function.__module__, function.__name__]}
        printed, moves = '', 0
        while True:
            answer = self._ask(moves % len(self._processes), {**state, 'awaits': awaits()})
            printed += answer['printed']
            if 'document' not in answer:
                return {**answer, 'printed': printed}, moves
            state, moves = answer, moves + 1

    def _ask(self, number: int, request: dict[str, Any]) -> dict[str, Any]:
        process = self._processes[number]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request) + '\n')
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer


def as_json(seen: Seen) -> dict[str, Any]:
    """Return what a run shows as it arrives from another process."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(seen)))
    return found


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Go on with a workflow for some awaits."""
    moved: dict[str, Any] = {}

    def run() -> Any:
        host = memory._MemoryHost()
        if 'document' in request:
            blobs = {sha: base64.b64decode(data) for sha, data in request['blobs'].items()}
            machine = load_frame(request['document'], blobs.__getitem__, host)
        else:
            module, name = request['function']
            machine = Machine(host)
            machine.start(getattr(importlib.import_module(module), name), (), {})
        return _step(machine, host, request['awaits'], moved)

    seen = as_json(observe(run))
    return {**moved, 'printed': seen['printed']} if moved else seen


def _step(machine: Machine, host: memory._MemoryHost, awaits: int, moved: dict[str, Any]) -> Any:
    while True:
        outcome = machine.step()
        for handle in machine.intents:
            memory._run_child(handle, host.sources.pop(handle.label, None), False)
        if isinstance(outcome, Returned):
            return outcome.value
        if isinstance(outcome, Failed):
            raise outcome.exception
        awaits -= 1
        if not awaits:
            frame = store_frame(machine)
            blobs = {sha: base64.b64encode(data).decode() for sha, data in frame.blobs.items()}
            moved.update(document=frame.document, blobs=blobs)
            return None
        machine.intents.clear()


def main() -> None:
    """Answer until nobody asks any more."""
    out = sys.stdout
    with contextlib.redirect_stdout(io.StringIO()):
        for line in sys.stdin:
            out.write(json.dumps(_answer(json.loads(line))) + '\n')
            out.flush()


if __name__ == '__main__':
    main()
