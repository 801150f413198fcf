"""The nodes that a step has given to children: one that is changed afterwards would reach them changed, and all alike.

Plain values are copied when `submit` is called; a node is itself until it is stored, at the end of the step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiida import orm
from aiida.common.hashing import make_hash

from ..exceptions import WorkflowUsageError

__all__ = ('HandedNodes',)


class HandedNodes:
    """The nodes given to the children of one step that are not stored yet, as they were then."""

    def __init__(self) -> None:
        self._nodes: list[tuple[str, str, orm.Data, str]] = []

    def note(self, child: str, inputs: Mapping[str, Any]) -> None:
        """Note what a child is given.

        :param child: its label.
        :param inputs: its inputs, by name.
        """
        self._nodes += [(child, name, node, _state(node)) for name, node in _unstored(inputs)]

    def require_unchanged(self) -> None:
        """Refuse that one was changed.

        :raises WorkflowUsageError: saying which.
        """
        for child, name, node, state in self._nodes:
            if not node.is_stored and _state(node) != state:
                raise WorkflowUsageError(
                    f'`{name}` of {child} was changed after `submit`, in the same step: that child, and any other that was given '
                    f'this {type(node).__name__}, would get it as it is now. Make a node for each child, `orm.{type(node).__name__}(...)` '
                    'inside of the loop, or give a plain value'
                )

    def clear(self) -> None:
        """Forget them: a step begins."""
        self._nodes = []


def _unstored(inputs: Mapping[str, Any], around: str = '') -> Iterator[tuple[str, orm.Data]]:
    for name, value in inputs.items():
        if isinstance(value, Mapping):
            yield from _unstored(value, f'{around}{name}.')
        elif isinstance(value, orm.Data) and not value.is_stored:
            yield f'{around}{name}', value


def _state(node: orm.Data) -> str:
    return make_hash([node.base.attributes.all, node.base.repository.hash()])
