"""The codecs that a frame needs inside AiiDA: builders, and what the workflow's own file defines by its name.

The same workflow runs from its file here and from its pinned source there, under different module names. So functions
and classes of its own file are stored by their name in whatever module the workflow function is in.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from aiida.engine import ProcessBuilder

from ..compiler import Bundle
from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import FrameError
from ..values.snapshot import Codec

__all__ = ('BuilderCodec', 'OwnFileCodec')

Ref = Callable[[object], Any]
Get = Callable[[Any], Any]


class BuilderCodec(Codec):
    """Builders of processes: the class and the inputs given so far."""

    name = 'builder'
    kinds = (ProcessBuilder,)

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
    """Functions and classes that the file of the workflow function defines, or a module kept with it, by qualified name.

    :param function: the workflow function.
    :param bundle: its source, with the user's other modules.
    """

    name = 'own'
    kinds = (types.FunctionType, type)

    def __init__(self, function: types.FunctionType, bundle: Bundle | Exception | None = None) -> None:
        self._function = function
        self._bundle = bundle if isinstance(bundle, Bundle) else None
        self._others = [] if self._bundle is None else [each.name for each in self._bundle.modules]
        self._known: dict[Any, str] | None = None

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the name of such a function or class."""
        if isinstance(value, types.FunctionType):
            module = inspect.unwrap(value).__globals__.get('__name__')
        elif isinstance(value, type):
            module = value.__module__
        else:
            return None
        prefix = self._prefixes().get(module)
        if prefix is None:
            return None
        name = prefix + value.__qualname__
        found = self._find(name)
        if found is value:
            return name
        return name + '!' if getattr(found, FUNCTION_MARK, None) is value else None

    def decode(self, content: Any, get: Get) -> object:
        """Return the function or class."""
        found = self._find(content.rstrip('!'))
        if found is None:
            raise FrameError(f'`{content}`, which the frame needs, is not in the source of the workflow any more')
        return getattr(found, FUNCTION_MARK) if content.endswith('!') else found

    def _find(self, name: str) -> Any:
        module, _, path = name.rpartition(':')
        first, *rest = path.split('.')
        found: Any = self._namespace_of(module).get(first)
        for part in rest:
            found = getattr(found, part, None)
        return found

    def _prefixes(self) -> dict[Any, str]:
        """Return what stands before the name of something, by the name that its module has here."""
        if self._known is None:
            self._known = {self._namespace_of(name).get('__name__'): f'{name}:' for name in self._others}
            self._known[self._function.__globals__.get('__name__')] = ''
        return self._known

    def _namespace_of(self, module: str) -> dict[str, Any]:
        assert self._bundle is not None or not module
        return self._bundle.namespace(self._function, module) if module and self._bundle else self._function.__globals__
