"""The outputs of a child as the workflow gets them: a dict of nodes, which notes which of them a step has taken.

A calculation may give ten nodes of which the workflow wants one number. So the step that has the dict reads none of them, and the
step that takes one out reads that one. Must not know the ledger.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from aiida import orm

from ..jobs.names import python_name

__all__ = ('Outputs', 'are_outputs', 'nodes_behind', 'taking')

#: What is told of each node that is taken: its name, with that of the child, and the node.
_taker: ContextVar[Callable[[str, orm.Data], None] | None] = ContextVar('dreamflow_taken', default=None)

#: Containers that are nothing more than what is in them.
_PLAIN = (list, tuple, dict)


@contextlib.contextmanager
def taking(take: Callable[[str, orm.Data], None]) -> Iterator[None]:
    """Have a function told of each node that is taken out of outputs meanwhile."""
    token = _taker.set(take)
    try:
        yield
    finally:
        _taker.reset(token)


class Outputs(dict[str, Any]):
    """Outputs by name, those of a namespace in outputs of their own. A frame keeps its items and its attribute.

    Iterating is defined anew so that Python, which looks into dicts by itself, asks: for ``**outputs`` and ``dict(outputs)``.

    :ivar _child: what the child is called.
    """

    _child: str = ''

    @classmethod
    def of(cls, nodes: Mapping[str, Any]) -> Outputs:
        """Return the outputs of a child, given its nodes, nested."""
        return cls({name: cls.of(node) if isinstance(node, Mapping) else node for name, node in nodes.items()})

    def named(self, child: str) -> Outputs:
        """Return itself, after it was told what the child is called."""
        self._child = child
        for name, node in dict.items(self):
            if isinstance(node, Outputs):
                node.named(f'{child}_{python_name(name)}')
        return self

    def _take(self, *names: Any) -> None:
        take = _taker.get()
        if take is None:
            return
        for name in names:
            node = dict.get(self, name)
            if isinstance(node, orm.Data) and node.is_stored and isinstance(name, str):
                take(f'{self._child}_{python_name(name)}', node)

    def _take_all(self) -> None:
        self._take(*dict.keys(self))

    def __getitem__(self, name: str) -> Any:
        self._take(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an output, or something else if there is none of that name."""
        self._take(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        """Take an output away."""
        self._take(name)
        return super().pop(name, *default)

    def popitem(self) -> tuple[str, Any]:
        """Take the last output away."""
        self._take(*list(dict.keys(self))[-1:])
        return super().popitem()

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return an output, after it was set if there was none of that name."""
        self._take(name)
        return super().setdefault(name, default)

    def values(self) -> Any:
        """Return all outputs."""
        self._take_all()
        return super().values()

    def items(self) -> Any:
        """Return all outputs with their names."""
        self._take_all()
        return super().items()

    def copy(self) -> Outputs:
        """Return a copy, which notes what is taken, too."""
        made = type(self)()
        made._child = self._child
        dict.update(made, {name: dict.__getitem__(self, name) for name in self})
        return made

    def _nodes(self) -> Iterator[tuple[str, str]]:
        """Yield names and uuids of its nodes, those of namespaces too; nothing is taken."""
        for name, node in dict.items(self):
            if isinstance(node, Outputs):
                yield from node._nodes()
            elif isinstance(node, orm.Data):
                yield f'{self._child}_{python_name(name)}', node.uuid

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') or name == 'outputs':  # of which `refusing` says what to write
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}', name=name, obj=self)
        known = ', '.join(map(repr, dict.keys(self))) or 'none'
        is_one = dict.__contains__(self, name)
        said = f'write `[{name!r}]` instead of `.{name}`' if is_one else f'`{self._child}` has no output {name!r}'
        raise AttributeError(f'{said} (its outputs: {known})')

    def __eq__(self, other: object) -> bool:
        self._take_all()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __or__(self, other: Any) -> Any:
        self._take_all()
        return super().__or__(other)

    def __ror__(self, other: Any) -> Any:
        self._take_all()
        return super().__ror__(other)

    def __repr__(self) -> str:
        self._take_all()
        return super().__repr__()


def are_outputs(value: object) -> bool:
    """Return whether a value is nothing but outputs of children, whose nodes there are already: one child's, or a list of several."""
    if type(value) is Outputs:
        return all((isinstance(node, orm.Data) and node.is_stored) or are_outputs(node) for node in dict.values(value))
    if type(value) not in _PLAIN or not value:
        return False
    parts = value.values() if type(value) is dict else value
    return all(type(part) is Outputs and are_outputs(part) for part in parts)  # type: ignore[attr-defined]


def nodes_behind(iterator: object) -> dict[str, str]:
    """Return the uuids of the outputs that an iterator goes through, by their names; none if it is of another kind."""
    behind = gc.get_referents(iterator) if isinstance(iterator, _OVER_NODES) else []
    return dict(pair for outputs in behind if type(outputs) is Outputs for pair in outputs._nodes())


_OVER_NODES: tuple[type, ...] = (type(iter({}.values())), type(iter({}.items())))
