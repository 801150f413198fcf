"""What a workflow changes of its process: standard streams, hooks, the filters of warnings, settings, the working directory, seeded random numbers...

While a workflow waits, its process goes on with others. So what a step has replaced is put back at its end, and brought in
again before the next step: after a restart too, as the frame keeps it. The environment and the working directory are left
as they are, as programs that are started between two steps shall see them, and brought in again as well. A password in the
environment is left too, but enters no frame: what is stored can be read, and exported, by others.
"""

from __future__ import annotations

import builtins
import contextlib
import logging
import operator
import os
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from . import randomness, settings
from .globals import PLACE as GLOBAL
from .globals import GlobalVariables
from .loggers import in_use
from .patches import applied_in, put_on, taken_off

__all__ = ('Surroundings',)

_SLOTS: tuple[tuple[types.ModuleType, tuple[str, ...]], ...] = (
    (sys, ('stdin', 'stdout', 'stderr', 'displayhook', 'excepthook', 'unraisablehook', 'breakpointhook')),
    (builtins, ('open', 'input', 'print', 'breakpoint', '__import__')),
    (warnings, ('showwarning', '_showwarnmsg_impl', 'formatwarning')),
    (threading, ('excepthook',)),
)
_GETTERS: tuple[Callable[[Any], Any], ...] = tuple(operator.attrgetter(*names, *names[:1]) for _, names in _SLOTS)
_MISSING = object()
#: Words in the name of a variable of the environment that say that its value is nobody's business.
_SECRET = frozenset(('KEY', 'TOKEN', 'SECRET', 'PASSWORD', 'PASSWD', 'PASSPHRASE', 'CREDENTIAL', 'CREDENTIALS'))
_logger = logging.getLogger('aiida_dreamflow')
_FILTERS, _FOLDER, _ENVIRONMENT, _PATCHES = 'warnings.filters', 'folder', 'environment', 'patches'
#: What a `catch_warnings` changes of a module that somebody has put into the place of `warnings`.
_REPLACED, _OF_REPLACED = 'warnings replaced', ('filters', 'showwarning', '_showwarnmsg_impl')


class Surroundings:
    """What one workflow has changed.

    :ivar changed: the values by their places.
    :ivar logs: what loggers used before the workflow began, or was loaded, by its `id`.
    """

    def __init__(self) -> None:
        self.logs = {id(used): used for _, used in in_use()}
        self.changed: dict[str, Any] = {}
        self._outside: list[tuple[Any, ...]] = []
        self._filters: list[Any] = []
        self._content: list[Any] = []
        self._folder: str | None = None
        self._environment: dict[Any, Any] = {}
        self._settings: settings.Outside = {}
        self._streams: dict[str, Any] = {}
        self._own_streams: set[str] = set()
        self._began = 0.0
        self._globals = GlobalVariables()
        self._told: set[Any] = set()

    def enter(self) -> None:
        """Bring in what the workflow has changed: a step begins."""
        self._outside = [*map(_values, range(len(_SLOTS)))]
        self._filters = warnings.filters  # type: ignore[assignment]
        self._content = self._filters[:]
        self._settings = settings.outside()
        self._streams = {place: randomness.state_of(place) for place in randomness.PLACES}
        self._own_streams = self.changed.keys() & self._streams.keys()
        self._began = time.thread_time()
        self._globals.enter(self.changed)
        for place, value in self.changed.items():
            if not place.startswith(GLOBAL):
                _bring_in(place, value)
        self._folder = _folder()
        self._environment = _environment().copy()

    def leave(self, values: Iterable[Any] = (), *, stays: bool = False) -> None:
        """Note what the workflow has changed, and put it back: a step ends.

        :param values: the values of its variables.
        :param stays: whether nothing is put back: it was the last step, and the process is the workflow's alone.
        """
        values = [*values]
        patches = [] if stays else [taken_off(patch) for patch in reversed(applied_in(values))]
        if self.changed:
            self.changed = {place: value for place, value in self.changed.items() if place in (_FOLDER, _ENVIRONMENT)}
        self.changed.update(self._globals.leave(stays=stays))
        for number, before in enumerate(self._outside):
            (module, names), now = _SLOTS[number], _values(number)
            if not all(map(operator.is_, now, before)):
                self._note(module, names, before, now, stays)
        if warnings.filters != self._content:
            self.changed[_FILTERS] = warnings.filters
            if warnings.filters is self._filters:
                self.changed[_FILTERS] = self._filters[:]
                if not stays:
                    self._filters[:] = self._content
        if not stays or _FILTERS not in self.changed:
            _set_filters(self._filters)
        if (replaced := sys.modules.get('warnings')) is not warnings:
            self.changed[_REPLACED] = {
                name: getattr(replaced, name) for name in _OF_REPLACED if hasattr(replaced, name)
            }
        self._note_settings(values, stays)
        self._note_streams(stays)
        if (folder := _folder()) != self._folder:
            self.changed[_FOLDER] = folder
        if (environment := _environment()) != self._environment:
            self._note_environment(environment)
        if patches:
            self.changed[_PATCHES] = patches[::-1]

    def about_to_set(self, function: types.FunctionType, names: Iterable[str]) -> None:
        """Take notice that a function of the workflow is about to set global variables of its module."""
        self._globals.note(function, names)

    def _note(
        self,
        module: types.ModuleType,
        names: tuple[str, ...],
        before: tuple[Any, ...],
        now: tuple[Any, ...],
        stays: bool,
    ) -> None:
        for name, old, new in zip(names, before, now, strict=False):
            if new is not old:
                place = f'{module.__name__}.{name}'
                self.changed[place] = [] if new is _MISSING else [new]
                if not stays:
                    _set(place, [] if old is _MISSING else [old])

    def _note_settings(self, values: list[Any], stays: bool) -> None:
        changed = settings.changed_since(self._settings, values)
        self.changed.update(changed)
        if not stays:
            settings.put_back(self._settings, changed)

    def _note_streams(self, stays: bool) -> None:
        """Note the streams of random numbers that the workflow has seeded."""
        seconds = time.thread_time() - self._began
        for place, before in self._streams.items():
            now = randomness.state_of(place)
            if now is None or before is None or now == before:
                continue
            is_own = place in self._own_streams or randomness.was_seeded(before, now, seconds)
            if is_own is False:
                continue
            self.changed[place] = now
            if not stays:
                randomness.bring_in(place, before)
                if is_own is None:  # it may have been drawn from: nobody else shall draw the same
                    randomness.renew(place)

    def _note_environment(self, environment: dict[Any, Any]) -> None:
        before, known = self._environment, self.changed.get(_ENVIRONMENT, {})
        changed = {name for name in before.keys() | environment.keys() if environment.get(name) != before.get(name)}
        secrets = {name for name in changed if _is_secret(name)}
        if changed - secrets:
            self.changed[_ENVIRONMENT] = {**known, **{name: environment.get(name) for name in changed - secrets}}
        for name in sorted(map(os.fsdecode, secrets - self._told)):
            _logger.warning(
                '`os.environ[%r]` looks like a secret: it is not stored with the workflow, and not there after a restart. Set it '
                'in each step that needs it, or in the environment of the daemon',
                name,
            )
        self._told |= secrets


def _is_secret(name: Any) -> bool:
    return not _SECRET.isdisjoint(os.fsdecode(name).upper().split('_'))


def _values(number: int) -> tuple[Any, ...]:
    module, names = _SLOTS[number]
    try:
        found: tuple[Any, ...] = _GETTERS[number](module)
    except AttributeError:
        found = tuple(getattr(module, name, _MISSING) for name in names)
    return found


def _bring_in(place: str, value: Any) -> None:
    if place == _FILTERS:
        _set_filters(value)
    elif place == _REPLACED:
        module: Any = sys.modules['warnings']
        is_new = getattr(module, 'filters', None) != value.get('filters')
        vars(module).update(value)
        if is_new:
            module._filters_mutated()
    elif place == _FOLDER:
        with contextlib.suppress(OSError):
            os.chdir(value)
    elif place == _PATCHES:
        for patch, put in value:
            put_on(patch, put)
    elif place == _ENVIRONMENT:
        for name, text in value.items():
            if text is None:
                os.environ.pop(os.fsdecode(name), None)
            else:
                os.environ[os.fsdecode(name)] = os.fsdecode(text)
    elif place in randomness.PLACES:
        randomness.bring_in(place, value)
    elif not settings.bring_in(place, value):
        _set(place, value)


def _set(place: str, values: list[Any]) -> None:
    """Set an attribute of a module, or delete it if there is no value."""
    module, _, name = place.rpartition('.')
    if values:
        setattr(sys.modules[module], name, values[0])
    else:
        vars(sys.modules[module]).pop(name, None)


def _set_filters(filters: list[Any]) -> None:
    if warnings.filters is not filters:
        warnings.filters = filters
        warnings._filters_mutated()  # type: ignore[attr-defined]  # which `warnings` calls whenever it does this


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  (what a path makes of it costs more)
    except OSError:  # it was removed
        return None


def _environment() -> dict[Any, Any]:
    """Return the environment; what `os.environ` holds, which is quicker to compare."""
    found: dict[Any, Any] = os.environ._data  # type: ignore[attr-defined]
    return found
