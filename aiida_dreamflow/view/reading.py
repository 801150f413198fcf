"""`look`: reads a run of a workflow function.

Works for a run that goes on, has ended or was imported, whether or not a worker runs and whoever wrote it: it reads the database,
the stored source and the stored frame as text, and neither imports nor runs anything of the user's.
"""

from __future__ import annotations

import bisect
import datetime
import re
from collections.abc import Mapping
from typing import Any, cast

from aiida import orm

from ..compiler.program import is_hidden
from ..engine.hidden import Origins
from ..engine.pinned import bundle_of
from ..engine.steps import frame_document
from ..exceptions import ForkError, WorkflowUsageError
from .children import Child, Children, child_of, status_of, users_values, values_of
from .frames import FrameCall, FrameEnd, FrameTask, Part, frame_tasks, parts_of
from .model import Call, Failure, Loop, Moment, ReportLine, Run, Step, Task, Variable
from .rows import ENDED, FrameRow, Rows, RunRow
from .shown import Shown
from .sources import Sources
from .variables import value_in_frame, variable_in_frame

__all__ = ('Reader', 'look', 'without_prefix')

#: What AiiDA puts before what is reported.
_PREFIX = re.compile(r'\[\d+\|[^\]]*\]: ')
#: So many entries of a report are read, and so many characters of each.
_REPORT, _ENTRY = 500, 20_000


def look(run: orm.WorkChainNode | int | str) -> Run:
    """Return what a person wants to know of a run of a workflow function.

    Nothing of the workflow is run, nothing is unpickled, and no daemon is needed.

    :param run: its node, or its pk or uuid.
    :raises WorkflowUsageError: if it is no run of a workflow function.
    """
    node = orm.load_node(run) if isinstance(run, int | str) else run
    if 'class' not in (node.base.attributes.get('dreamflow', None) or {}):
        raise WorkflowUsageError(f'node {node.pk} is no run of a workflow function')
    return Reader(cast(orm.WorkChainNode, node)).read()


class Reader:
    """Reads one run, again and again.

    :param node: its node.
    """

    def __init__(self, node: orm.WorkChainNode) -> None:
        self.pk, self.rows = cast(int, node.pk), Rows(node.backend)
        self.sources = Sources(bundle_of(node))
        self.source = self.sources.main()
        self.computers = self.rows.computers()
        self.values = values_of(self.rows, self.pk)
        self.steps: list[Step] = []
        self.children: dict[int, Child] = {}
        self.taken_over: list[Child] = []
        self.origin: tuple[int, int] | None = None
        self.report: list[ReportLine] = []
        self.size = 0
        self._now: Moment | None = None
        self._now_at = 0
        self.last_step = self.last_child = 0  # the links seen last

    def own(self, inputs: bool) -> dict[str, Shown]:
        """Return the inputs or outputs of the run."""
        return users_values(self.rows.values_of_run(self.pk, inputs))

    def read(self) -> Run:
        """Return the run as it is now."""
        row = self.rows.run(self.pk)
        state = row.state or 'created'
        self._read_steps()
        self._read_children(row.taken_over or {})
        self._read_report()
        if row.forked_from and self.origin is None:
            self.origin = self.rows.pk_of(row.forked_from), int(row.forked_at or 0)
        return Run(
            self.pk,
            row.uuid,
            row.name or self.source.name,
            row.label,
            row.description,
            state,
            status_of(state, row.exit_status, is_paused=bool(row.paused)),
            row.created,
            row.changed if state in ENDED else None,
            self.source,
            self._moment_now(),
            Children([*self.taken_over, *self.children.values()], self.values, is_all=not self.taken_over),
            list(self.steps),
            list(self.report),
            self.size,
            self._failure(state, row),
            self.origin,
            self,
        )

    # -- steps

    def _read_steps(self) -> None:
        last = self.steps[-1] if self.steps else None
        line = last.line if last is not None else self._first_line()
        for row in self.rows.steps(self.pk, self.last_step):
            self.last_step = max(self.last_step, row.link)
            low = row.first or line
            high = low + (row.count or 1) - 1
            began, line = line, (low if line == high else high)
            self.steps.append(Step(int(row.label.rpartition('_')[2]), row.pk, row.time, began, line, row.text))
            self.source.hits[line] += 1

    def _first_line(self) -> int:
        node = self.sources.definition('', self.source.name)
        return self.source.first if node is None else node.lineno

    # -- children

    def _read_children(self, inherited: Mapping[str, str]) -> None:
        running = [pk for pk, child in self.children.items() if child.ended is None]
        new = self.rows.children(self.pk, self.last_child)
        again = self.rows.children_again(self.pk, running) if running else []
        for row in [*again, *new]:
            self.last_child = max(self.last_child, row.link)
            self.children[row.pk] = child_of(row, self.computers, self._line_of, self.values)
        if inherited and (not self.taken_over or any(child.ended is None for child in self.taken_over)):
            labels = {uuid: label for label, uuid in inherited.items()}
            self.taken_over = [
                child_of(row, self.computers, lambda *_: None, self.values, True) for row in self.rows.processes(labels)
            ]

    def _line_of(self, name: str, pk: int) -> int | None:
        """Return the line that launched a child: the last step before it did."""
        index = bisect.bisect_left(self.steps, pk, key=lambda step: step.pk) - 1
        if index < 0:
            return None
        step = self.steps[index]
        return self.sources.line_of_child(name, (min(step.began, step.line), max(step.began, step.line)))

    # -- the report

    def _read_report(self) -> None:
        after = self.report[-1].pk if self.report else 0
        new = self.rows.report(self.pk, _REPORT, after)
        if new or not self.report:
            self.size = self.rows.report_size(self.pk) if len(new) == _REPORT else self.size + len(new)
        self.report += [ReportLine(pk, time, level, _cut(without_prefix(text))) for pk, time, level, text in new]
        del self.report[:-_REPORT]

    def _failure(self, state: str, row: RunRow) -> Failure | None:
        status, exception = row.exit_status, row.exception
        if state not in ENDED or (state == 'finished' and not status):
            return None
        trace = next(
            (entry.text for entry in self.report[::-1] if 'Traceback (most recent call last)' in entry.text), ''
        )
        trace = trace[trace.index('Traceback') :].rstrip() if trace and state != 'killed' else ''
        message = exception or row.exit_message or ('was killed' if state == 'killed' else f'exit status {status}')
        places = re.findall(rf'File "{re.escape(self.source.filename)}", line (\d+)', trace)
        lines = [int(line) for line in places if self.source.first <= int(line) <= self.source.last]
        return Failure(' '.join(message.split()), status, lines[-1] if lines else None, trace)

    # -- where it is

    def _moment_now(self) -> Moment:
        number = self.steps[-1].number if self.steps else 0
        if self._now is None or self._now_at != number:
            self._now, self._now_at = self._newest(number), number
        return self._now

    def _newest(self, number: int) -> Moment:
        frame = self.rows.frame_of_step(self.pk, number) if number else None
        if frame is not None and frame.content['state'] == 'returned' and len(self.steps) > 1:
            # Where it waited last says more than where it has ended.
            frame = self.rows.frame_of_step(self.pk, self.steps[-2].number) or frame
        if frame is None and self.origin is not None:
            frame = self.rows.frame_of_fork(self.pk)
        return Moment(0, None, []) if frame is None else self._moment(frame)

    def moment(self, number: int) -> Moment:
        """Return where the run was after a step."""
        frame = self.rows.frame_of_step(self.pk, number)
        if frame is None and self.origin is not None and self.origin[1] == number:
            frame = self.rows.frame_of_fork(self.pk)
        if frame is None:
            raise ForkError(
                f'step {number} is not recorded for {self.source.name} {self.pk}: `dreamflow steps {self.pk}` shows those that are'
            )
        return self._moment(frame)

    def _moment(self, frame: FrameRow) -> Moment:
        number = int(frame.content['step'])
        try:
            return self._read_moment(number, frame)
        except Exception as error:  # of a newer version, or with a file that is gone: the rest can be shown
            problem = f'the record of step {number} cannot be read here ({type(error).__name__}: {error})'
            return Moment(number, frame.time, [], problem)

    def _read_moment(self, number: int, frame: FrameRow) -> Moment:
        parts = parts_of(frame_document(frame.content), frame.read_file)
        origins = Origins.read(frame.content)
        tasks = frame_tasks(parts)
        roots = [f'{call.place}:{name}' for task in tasks for call in task.calls for name in call.variables]
        uuids = [origins.nodes[root][0] for root in roots if root in origins.nodes]
        uuids += [end.uuid for task in tasks for end in task.returned if end.uuid]
        nodes = self.rows.values(uuids)
        found = [self._task(task, parts, origins, nodes) for task in tasks]
        return Moment(number, frame.time, found)

    def _task(self, task: FrameTask, parts: Any, origins: Origins, nodes: Mapping[str, Shown]) -> Task:
        due = None if task.due is None else datetime.datetime.fromtimestamp(task.due, datetime.timezone.utc)
        calls = [self._call(call, parts, origins, nodes) for call in task.calls]
        counts = (task.ended, task.total)
        returned = [self._returned(end, parts[''][0], nodes) for end in task.returned]
        return Task(task.number, task.name, calls, task.waits_for, task.labels, task.tasks, *counts, due, returned)

    def _returned(self, end: FrameEnd, head: Part, nodes: Mapping[str, Shown]) -> Variable:
        name = f'{end.function}_{end.number}'
        if (node := nodes.get(end.uuid)) is not None:
            return Variable(name, node, 'node')
        return value_in_frame(f'{name} raised' if end.has_failed else name, head, end.value, self.sources)

    def _call(self, call: FrameCall, parts: Any, origins: Origins, nodes: Mapping[str, Shown]) -> Call:
        filename, name = self.sources.place_of(call.function)
        module = call.function.rpartition(':')[0]
        loops = [
            Loop(line, self.sources.text_at(call.function, line, ()).rstrip(':'), position, length)
            for line, position, length in call.loops
        ]
        variables = []
        for each in call.variables:
            if not is_hidden(each):
                root = f'{call.place}:{each}'
                uuid = origins.nodes[root][0] if root in origins.nodes else ''
                # A handle stands in the head, under the name that it has in the frame.
                found = parts.get(root) or (parts[''][0], root)
                node = nodes.get(uuid)
                variables.append(
                    Variable(each, node, 'node') if node is not None else variable_in_frame(each, found, self.sources)
                )
        line = call.line
        if line is None and call.place == '0' and self.steps:
            line = self.steps[-1].line  # the record of an older version
        text = self.sources.text_at(call.function, line, [loop.line for loop in loops])
        return Call(name or module, filename, line, text, loops, variables)


def without_prefix(text: str) -> str:
    """Return an entry of a report without the words that AiiDA puts before it."""
    return _PREFIX.sub('', text, count=1)


def _cut(text: str) -> str:
    half = _ENTRY // 2
    if len(text) <= _ENTRY:
        return text
    return f'{text[:half]}\n[... {len(text) - _ENTRY:,} characters left out ...]\n{text[-half:]}'
