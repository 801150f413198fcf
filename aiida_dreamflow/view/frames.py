"""A stored frame as a person would describe it: tasks, calls, loops, what is waited for.

Reads the words of the document and makes none of its objects: nothing is loaded, compiled or run, so it makes no difference
who has written the frame, nor what is installed here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..exceptions import FrameError
from ..values.crowds import labels_in
from ..values.frame import FRAME_VERSION
from ..values.records import CODEC, REF

__all__ = ('FrameCall', 'FrameTask', 'Part', 'frame_tasks', 'name_of_function', 'parts_of')

_KEPT = CODEC + 'kept'
_CROWD = CODEC + 'crowd'
_LONG_LISTS = (CODEC + 'chunks', CODEC + 'chunks of objects')
_SHA = 'sha256:'
#: So many bytes of an array's file have its shape.
_HEADER = 512
#: Iterators that go as far as what they iterate over.
_ALONG = ('enumerate', 'map', 'filter')


class Part:
    """A part of a frame: records that refer to each other.

    :param document: its document.
    :param read_file: gives the content of a file by its sha256.
    """

    def __init__(self, document: Mapping[str, Any], read_file: Callable[[str], bytes]) -> None:
        self._read_file = read_file
        self.roots: Mapping[str, Any] = document['roots']
        self._objects: list[list[Any]] = document['objects']

    def record(self, ref: Any) -> list[Any]:
        """Return the record that a ref stands for; for a value written in place ``['', value]``."""
        if isinstance(ref, dict):
            return self._objects[ref[REF]] if REF in ref else ['', None]
        return ['', ref]

    def items(self, ref: Any) -> list[Any]:
        """Return the refs in a list or tuple."""
        record = self.record(ref)
        found = record[2] if record[0] == 'list' else record[1] if record[0] == 'tuple' else []
        return list(found) if isinstance(found, list) else []

    def entries(self, ref: Any) -> dict[str, Any]:
        """Return the refs in a dict whose keys are names."""
        record = self.record(ref)
        flat = record[2] if record[0] == 'dict' else []
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def names(self, ref: Any) -> list[str]:
        """Return the texts of a list."""
        return [str(self.record(item)[1]) for item in self.items(ref)]

    def kept(self, ref: Any) -> tuple[str, dict[str, Any]]:
        """Return class and attributes of an object of the runtime; nothing if it is none."""
        record = self.record(ref)
        if record[0] != _KEPT or not isinstance(record[1], str):
            return '', {}
        return record[1], record[2] if len(record) > 2 else {}

    def plain(self, ref: Any, default: Any = None) -> Any:
        """Return a value that is written in place, or a number or text that is an object of its own."""
        kind, value, *_ = self.record(ref)
        if kind == 'float':
            try:
                return float(value)
            except (TypeError, ValueError):
                return default
        return value if kind in ('', 'str', 'int') else default

    # -- iterators

    def progress(self, ref: Any) -> tuple[int, int] | None:
        """Return how many items an iterator has given and how many it gives in all; ``None`` if that is not known."""
        kind, first, *rest = self.record(ref)
        if kind == 'iterator':
            return self._progress_of(first, rest[0] if rest else None)
        if kind == 'dict iterator':
            _, _, mapping, left = first
            size = len(self.record(mapping)[-1] or ()) // 2
            return size - left, size
        if kind == 'over set':
            size = self.plain(first[1], 0)
            return size - (len(first) - 2), size
        if kind == _KEPT and first == 'AsCompleted':
            kept = rest[0] if rest else {}
            size = self.plain(kept.get('total'), 0)
            return (size - self.plain(kept.get('left'), 0), size) if size else None
        return None

    def _progress_of(self, first: list[Any], state: Any) -> tuple[int, int] | None:
        maker, *inner = first
        if maker in _ALONG:
            # Of `enumerate` the iterator comes first, of `map` and `filter` the function.
            return self.progress(inner[0] if maker == 'enumerate' else inner[-1])
        if maker == 'zip':
            found = [each for each in map(self.progress, inner) if each is not None]
            return min(found, key=lambda each: each[1] - each[0]) if found else None
        size = self.length(inner[0]) if len(inner) == 1 else None
        if size is None:
            return None
        place: object = 0 if state is None else self.plain(state[0])
        if not isinstance(place, int):
            return None
        if maker == 'reversed':
            return (0 if state is None else size - 1 - place), size
        return (min(place, size), size) if maker == 'iter' else None

    def length(self, ref: Any) -> int | None:
        """Return how many items a container has; ``None`` if that is not known."""
        kind, first, *rest = self.record(ref)
        if kind == 'range':
            try:
                return len(range(*(int(self.plain(each)) for each in first)))
            except (TypeError, ValueError, OverflowError):
                return None
        if kind == 'list':
            return len(rest[0])
        if kind == 'tuple':
            return len(first)
        if kind == 'dict':
            return len(rest[0]) // 2
        if kind in _LONG_LISTS:
            in_chunks: int = sum(entry[1] for entry in first)
            return in_chunks + len(rest[0][0])
        if kind == 'array':
            return self._length_of_array(first[0])
        if kind in ('', 'str') and isinstance(first, str):
            return len(first)
        return None

    def _length_of_array(self, content: Any) -> int | None:
        """Return the first dimension of an array, whose file stands in the document or beside it."""
        if not isinstance(content, str):
            return None
        is_beside = content.startswith(_SHA)
        data = self._read_file(content.removeprefix(_SHA)) if is_beside else base64.b64decode(content)
        _, _, shape = data[:_HEADER].decode('latin-1').partition("'shape': (")
        first = shape.partition(',')[0]
        return int(first) if first.isdecimal() else None


def parts_of(document: Mapping[str, Any], read_file: Callable[[str], bytes]) -> dict[str, tuple[Part, str] | None]:
    """Return the part of each variable, and its name in it, by its name in the frame; ``None`` for a large array.

    :param document: the document of the frame.
    :param read_file: gives the content of a file by its sha256.
    :raises FrameError: if it is of another version.
    """
    if document.get('version') != FRAME_VERSION:
        raise FrameError(
            f'it has format {document.get("version")}, this version of aiida-dreamflow reads {FRAME_VERSION}'
        )
    plain = Part({'roots': document['plain'], 'objects': []}, read_file)
    found: dict[str, tuple[Part, str] | None] = dict.fromkeys(document['plain'])
    found.update({name: (plain, name) for name in document['plain']})
    for names, content in document['parts']:
        if isinstance(content, dict):
            if 'array' in content:
                found.update(dict.fromkeys(names))
                continue
            content = read_file(next(iter(content.values()))).decode('ascii')
        part = Part(json.loads(content), read_file)
        found.update({name: (part, own) for name, own in names.items()})
    return found


@dataclass
class FrameCall:
    """A call in progress.

    :ivar place: what the frame calls it: ``0``, ``3.1``.
    :ivar function: the name of its function; with the name of the module in front if it is of another file.
    :ivar line: the line at which it waits; ``None`` in the frame of an older version.
    :ivar loops: line, position and length of each loop that it is in, from the outside in.
    :ivar variables: the names of those that later code needs.
    """

    place: str
    function: str
    line: int | None
    loops: list[tuple[int, int | None, int | None]]
    variables: list[str]


@dataclass
class FrameTask:
    """A task.

    :ivar number: its number; that of the workflow function is zero.
    :ivar name: its name.
    :ivar calls: its calls in progress, the outermost first.
    :ivar waits_for: what it waits for, in a word: ``child``, ``gather``, ``sleep``...; empty if it is to go on.
    :ivar labels: the labels of the children that this comes from and that have not ended.
    :ivar tasks: the names of the tasks.
    :ivar ended: how many of what it waits for have ended.
    :ivar total: how many it waits for.
    :ivar due: when the timer ends that it waits for, in seconds since the epoch.
    :ivar returned: what the tasks that it waits for have ended with, as far as they have.
    """

    number: int
    name: str
    calls: list[FrameCall]
    waits_for: str = ''
    labels: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    ended: int = 0
    total: int = 0
    due: float | None = None
    returned: list[FrameEnd] = field(default_factory=list)


@dataclass
class FrameEnd:
    """What a task has ended with that another waits for.

    :ivar number: its number.
    :ivar function: the name of its function.
    :ivar value: where the frame has what it has returned, or raised; ``None`` if it returned nothing.
    :ivar uuid: the node of that; empty if it has none.
    :ivar has_failed: whether it has raised that.
    """

    number: int
    function: str
    value: Any
    uuid: str
    has_failed: bool


def frame_tasks(parts: Mapping[str, tuple[Part, str] | None]) -> list[FrameTask]:
    """Return the tasks of a frame that have not ended, that of the workflow function first."""
    found = parts.get('')
    if found is None:
        return []
    head, root = found
    rest = head.entries(head.roots[root])
    tasks = [_task(head, parts, *head.items(each)) for each in head.items(rest.get('tasks'))]
    return sorted((task for task in tasks if task.calls), key=lambda task: task.number)


def _task(head: Part, parts: Mapping[str, tuple[Part, str] | None], task: Any, states: Any) -> FrameTask:
    _, kept = head.kept(task)
    number = int(head.plain(kept.get('number'), 0) or 0)
    calls = [_call(head, parts, number, level, state) for level, state in enumerate(head.items(states))]
    found = FrameTask(number, _task_name(head, kept), calls)
    if 'awaiting' in kept:
        _describe(head, kept['awaiting'], found)
    return found


def _task_name(head: Part, kept: Mapping[str, Any]) -> str:
    name = head.plain(kept.get('name'), None)
    return str(name) if name is not None else f'Task-{int(head.plain(kept.get("number"), 0) or 0) + 1}'


def _call(head: Part, parts: Mapping[str, tuple[Part, str] | None], number: int, level: int, ref: Any) -> FrameCall:
    state = head.entries(ref)
    place = f'{number}.{level}' if number else str(level)
    loops = []
    for cursor, line in head.entries(state.get('loops')).items():
        part, own = parts.get(f'{place}:{cursor}') or (None, '')
        position, length = (part.progress(part.roots[own]) if part is not None else None) or (None, None)
        loops.append((int(line), position, length))
    names = [*head.names(state.get('variables')), *head.names(state.get('cells'))]
    line = head.plain(state.get('line'), None)
    return FrameCall(place, name_of_function(head, state.get('function')), line, loops, names)


def name_of_function(head: Part, ref: Any) -> str:
    """Return how a function is called: with the name of the module in front if it is of another file."""
    kind, content, *_ = head.record(ref)
    if kind == f'{CODEC}own':
        return str(content).rstrip('!')
    if isinstance(content, dict) and 'workflow' in content:
        return ':'.join(content['workflow'])
    if isinstance(content, dict) and 'path' in content:
        return f'{name_of_function(head, content["inside"])}.{content["path"][1]}'
    if kind == 'global' and isinstance(content, list):
        return ':'.join(str(each) for each in content)
    return str(kind)


# -- what is waited for


_WORDS = {
    'Handle': 'child',
    'Timer': 'sleep',
    'AsCompleted': 'as_completed',
    'Next': 'as_completed',
    'WaitFor': 'wait_for',
    '_Exit': 'TaskGroup',
    '_Turn': 'lock',
}


def _describe(head: Part, ref: Any, found: FrameTask) -> None:
    """Note what a task waits for."""
    kind, kept = head.kept(ref)
    crowd = [*_crowd_labels(head, ref)]
    found.waits_for = 'child' if crowd else _WORDS.get(kind, kind.lower())
    if kind == 'Timer':
        found.due = head.plain(kept.get('due'), None)
    found.returned = [*_ends(head, ref, set())]
    sources = [*_sources(head, ref, set())]
    for label, name, ended in sources:
        found.total += 1
        found.ended += ended
        if not ended:
            (found.labels if label else found.tasks).append(label or name)


def _sources(head: Part, ref: Any, met: set[int]) -> Iterator[tuple[str, str, bool]]:
    """Yield label or name of each child or task that something waits for, and whether that has ended."""
    if isinstance(ref, dict) and REF in ref:
        if ref[REF] in met:
            return
        met.add(ref[REF])
    for label in _crowd_labels(head, ref):
        yield label, '', False
    kind, kept = head.kept(ref)
    ended = bool(head.plain(kept.get('ended'), False))
    if kind == 'Handle':
        yield str(head.plain(kept.get('label'), '?')), '', ended
    elif kind == 'Task':
        yield '', _task_name(head, kept), ended
    elif kind:
        for item in _inside(head, kept):
            yield from _sources(head, item, met)


def _inside(head: Part, kept: Mapping[str, Any]) -> Iterator[Any]:
    """Yield where that is which something combines."""
    for name in ('parts', 'part', 'tasks', 'source', 'itself'):
        if name in kept:
            yield from head.items(kept[name]) or [kept[name]]


def _ends(head: Part, ref: Any, met: set[int]) -> Iterator[FrameEnd]:
    """Yield what the tasks that something waits for have ended with, as far as they have."""
    if isinstance(ref, dict) and REF in ref:
        if ref[REF] in met:
            return
        met.add(ref[REF])
    kind, kept = head.kept(ref)
    if kind == 'Task':
        if head.plain(kept.get('ended'), False):
            number = int(head.plain(kept.get('number'), 0) or 0)
            function = str(head.plain(kept.get('called'), 'task'))
            has_failed = 'error' in kept
            uuid = str(head.plain(([*head.items(kept.get('node'))] or [''])[0], ''))
            yield FrameEnd(number, function, kept.get('error' if has_failed else 'value'), uuid, has_failed)
    elif kind and kind != 'Handle':
        for item in _inside(head, kept):
            yield from _ends(head, item, met)


def _crowd_labels(head: Part, ref: Any) -> Iterator[str]:
    """Yield the labels of the children of a crowd, or that of one of them."""
    kind, content, *_ = head.record(ref)
    if kind == _CROWD:
        if isinstance(content, dict):
            labels = [*_crowd_labels(head, content['of'])]
            yield from labels[content['place'] : content['place'] + 1]
        else:
            yield from labels_in(content)
