"""`@workflow`: from a function to a process class."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from ..compiler import bundle, check_function, compile_function
from ..compiler.bundle import Bundle
from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import WorkflowUsageError
from ..runtime import Handle
from . import pinned
from .outline import outline_of
from .parameters import require_parameters
from .returning import require_exit_codes
from .validators import require_validators
from .workchain import FunctionWorkChain

__all__ = ('workflow',)


P = ParamSpec('P')
T = TypeVar('T')

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder

    class Workflow(FunctionWorkChain, Generic[P, T]):
        """What a type checker sees of a workflow: something that AiiDA's launchers take, and that can be called in another."""

        #: May be set: a function of the user's that returns a builder, as many plugins' work chains have it.
        get_builder_from_protocol: Callable[..., ProcessBuilder]

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Handle[T]: ...

    class _Decorator(Protocol):
        @overload
        def __call__(self, function: Callable[P, Coroutine[Any, Any, T]], /) -> Workflow[P, T]: ...
        @overload
        def __call__(self, function: Callable[P, T], /) -> Workflow[P, T]: ...


# fmt: off
@overload
def workflow(function: Callable[P, Coroutine[Any, Any, T]], /) -> Workflow[P, T]: ...
@overload
def workflow(function: Callable[P, T], /) -> Workflow[P, T]: ...
@overload
def workflow(
    *, recipes: bool | Iterable[Callable[..., Any]] = True, pickles: bool = True, figures: str = 'png',
    exit_codes: Mapping[str, tuple[int, str]] = ..., validators: Iterable[Callable[..., str | None]] = (),
) -> _Decorator: ...
# fmt: on
def workflow(
    function: Callable[..., Any] | None = None,
    /,
    *,
    recipes: bool | Iterable[Callable[..., Any]] = True,
    pickles: bool = True,
    figures: str = 'png',
    exit_codes: Mapping[str, tuple[int, str]] = types.MappingProxyType({}),
    validators: Iterable[Callable[..., str | None]] = (),
) -> Any:
    """Compile a function into an AiiDA process class.

    The result goes wherever AiiDA takes a process class: ``engine.run``, ``engine.submit``, ``get_builder()``. The
    parameters of the function are its inputs, what the function returns are its outputs.

    :param function: an ``async def`` with ``await submit(f, x=x)``, or a plain ``def`` with ``submit(f, x=x)``.
    :param recipes: whether a value that cannot be stored may be made again at each await, by the call that made it, if that
        call has no other effect; otherwise such a value is an error at the first await that it would cross. Or the classes
        and functions that may be called again whatever they do, beside those.
    :param pickles: whether an object that has no other stored form may be pickled.
    :param figures: the format of the file that a returned figure of matplotlib becomes: ``'png'``, ``'pdf'``, ``'svg'``.
    :param exit_codes: status and message of each exit code that the function may return, by its label:
        ``{'ERROR_NOT_CONVERGED': (410, 'not converged after {n} steps')}``. In the function ``f`` that one is
        ``f.exit_codes.ERROR_NOT_CONVERGED``.
    :param validators: functions that say what is wrong with inputs, or ``None``; they get those that their parameters are named after:
        ``def positive(cutoff): return None if cutoff > 0 else 'must be positive'``.
    :returns: the process class; without `function`, a decorator.
    :raises CompileError: if the function says something that a workflow cannot; with file, line and column.
    """
    if function is None:
        options = {'recipes': recipes, 'pickles': pickles, 'figures': figures, 'exit_codes': exit_codes}
        return functools.partial(workflow, validators=validators, **options)
    source = _source_of(function)  # reads the whole file, which the check has its tree from
    checked = check_function(function)
    plain = cast(types.FunctionType, function)  # what was checked may be the same text, loaded with other values
    require_parameters(plain)
    require_exit_codes(plain, exit_codes)
    require_validators(plain, validators := tuple(validators))
    fingerprint = source.fingerprint if isinstance(source, Bundle) else checked.fingerprint
    members: dict[str, Any] = {
        '__module__': pinned.__name__,
        '__doc__': _Doc(plain),
        '__wrapped__': staticmethod(plain),
        'function': staticmethod(plain),
        'bundle': source,
        'recipes': recipes if isinstance(recipes, bool) else tuple(recipes),
        'pickles': pickles,
        'figures': figures,
        'declared_exit_codes': dict(exit_codes),
        'validators': validators,
        FUNCTION_MARK: staticmethod(plain),
    }
    process_class = types.new_class(
        pinned.class_name(plain.__name__, fingerprint), (FunctionWorkChain,), {}, lambda body: body.update(members)
    )
    pinned.register(process_class)
    return process_class


class _Doc:
    """What ``verdi plugin list aiida.workflows NAME`` shows first: the docstring, and where the workflow may wait.

    For the latter the function has to be compiled, which waits until somebody asks.
    """

    def __init__(self, function: types.FunctionType) -> None:
        self._function = function

    def __get__(self, instance: object, owner: type) -> str:
        parts = [
            inspect.getdoc(self._function),
            'Await points: ' + '; '.join(outline_of(compile_function(self._function))),
        ]
        return '\n\n'.join(part for part in parts if part)


def _source_of(function: Callable[..., Any]) -> Bundle | WorkflowUsageError:
    """Return what is stored with each process of a workflow; an error is raised only when it is launched.

    A function that cannot be launched, say because it closes over variables of a test, can still run in memory.
    """
    loading = pinned.being_loaded.get()
    if loading is not None and loading.qualname == getattr(function, '__qualname__', None):
        return loading
    try:
        return bundle(function, what='a workflow', allow_async=True, annotations=True, modules=True)
    except WorkflowUsageError as error:
        return error
