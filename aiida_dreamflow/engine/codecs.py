"""The codecs that a frame needs inside AiiDA: builders, and what the workflow's own file defines by its name.

The same workflow runs from its file here and from its pinned source there, under different module names. So functions
and classes of its own file are stored by their name in whatever module the workflow function is in.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from aiida.engine import ProcessBuilder

from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import FrameError
from ..values.snapshot import Codec

__all__ = ('BuilderCodec', 'OwnFileCodec')

Ref = Callable[[object], Any]
Get = Callable[[Any], Any]


class BuilderCodec(Codec):
    """Builders of processes: the class and the inputs given so far."""

    name = 'builder'

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return process class and inputs of a builder."""
        if not isinstance(value, ProcessBuilder):
            return None
        return [ref(value.process_class), ref(value._inputs(prune=True))]

    def decode(self, content: Any, get: Get) -> object:
        """Return the builder."""
        process_class, inputs = map(get, content)
        builder = process_class.get_builder()
        builder._update(inputs)
        return builder


class OwnFileCodec(Codec):
    """Functions and classes that the file of the workflow function defines, by qualified name.

    :param function: the workflow function.
    """

    name = 'own'

    def __init__(self, function: types.FunctionType) -> None:
        self._namespace = function.__globals__

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the name of such a function or class."""
        if isinstance(value, types.FunctionType):
            own = value.__globals__ is self._namespace
        else:
            own = isinstance(value, type) and value.__module__ == self._namespace.get('__name__')
        if not own:
            return None
        qualname: str = value.__qualname__  # type: ignore[attr-defined]
        found = self._find(qualname)
        if found is value:
            return qualname
        return qualname + '!' if getattr(found, FUNCTION_MARK, None) is value else None

    def decode(self, content: Any, get: Get) -> object:
        """Return the function or class."""
        found = self._find(content.rstrip('!'))
        if found is None:
            raise FrameError(f'`{content}`, which the frame needs, is not in the source of the workflow any more')
        return getattr(found, FUNCTION_MARK) if content.endswith('!') else found

    def _find(self, qualname: str) -> Any:
        first, *rest = qualname.split('.')
        found: Any = self._namespace.get(first)
        for part in rest:
            found = getattr(found, part, None)
        return found
