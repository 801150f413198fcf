"""`run_in_memory`: a workflow function in this process, with a restart at every await."""

from __future__ import annotations

import contextlib
import inspect
import json
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import CannotStoreError, FrameError, LaunchError
from ..runtime import Failed, Future, Handle, Machine, Mapped, Returned
from ..values.frame import cannot_return, load_frame, store_frame
from ..values.parameters import received, signature_of
from ..values.pickling import without_pickles
from ..values.pinning import needs_recipe
from ..values.snapshot import Codec, decode, encode

__all__ = ('run_in_memory',)


def run_in_memory(function: Any, /, *args: Any, restart: bool = True, **kwargs: Any) -> Any:
    """Run a workflow function without a profile; the children of `submit` are called in this process.

    :param function: the workflow function, decorated or not, ``async def`` or plain.
    :param args: its positional arguments.
    :param restart: whether at every await the frame is turned into its stored form and rebuilt from it, as after a
        restart. What works so, survives a killed worker. Nobody waits for a `sleep` or a `timeout`: when nothing else
        can happen, it is as if the time had passed.
    :param kwargs: its keyword arguments.
    :returns: what it returns.
    :raises BaseException: what it raises.
    :raises CompileError: if it cannot be compiled.
    :raises CannotStoreError: if a variable that an await crosses cannot be stored, or what a decorated function returns (with
        ``restart``).
    """
    host = _MemoryHost(getattr(function, 'recipes', True))
    machine = Machine(host)
    plain = getattr(function, FUNCTION_MARK, function)
    if isinstance(plain, types.FunctionType):  # anything else is refused
        args, kwargs = _received(plain, args, kwargs)
    machine.start(plain, args, kwargs)
    with without_pickles(not getattr(function, 'pickles', True)), _no_transaction_left(plain):
        return _run(machine, host, restart, is_workflow=hasattr(function, FUNCTION_MARK))


def _received(
    function: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    try:
        bound = signature_of(function).bind(*args, **kwargs)
    except TypeError:
        return args, kwargs  # the call says so too
    bound.arguments.update(received(function, bound.arguments))
    return bound.args, bound.kwargs


def _run(machine: Machine, host: _MemoryHost, restart: bool, is_workflow: bool) -> Any:
    while True:
        outcome = machine.step()
        if isinstance(outcome, Failed):
            raise outcome.exception
        if restart and is_workflow and isinstance(outcome, Returned):
            _require_stored_form(outcome)
        launched = [handle.label for handle in machine.intents if not handle.held]
        if restart and not isinstance(outcome, Returned):
            machine = _restarted(machine, host)
        # In the order of `submit`, as if each took the same time.
        _run_children(machine, [handle for handle in machine.pending if handle.label in launched], restart)
        while not machine.is_ready():
            if machine.agenda.released:
                _run_children(machine, [], restart)
            elif isinstance(outcome, Returned):
                value = outcome.value
                del machine, outcome  # this frame may live on: an exception of a held generator leads to its callers
                return value
            else:
                host.wait_until(machine.next_due())


def _place_of(machine: Machine) -> str:
    """Return file and line of the await at which the workflow function waits."""
    for activation in machine.main.stack[:1]:
        if activation.awaiting is not None:
            return f'{activation.program.source.filename}, line {activation.awaiting.node.lineno}'
    return 'an await'


def _session() -> Any:
    """Return the session of the storage backend, if there is a profile whose storage is used."""
    manage = sys.modules.get('aiida.manage')
    manager = None if manage is None else manage.get_manager()
    return manager.get_profile_storage().get_session() if manager and manager.profile_storage_loaded else None


def _is_in_transaction() -> bool:
    if (session := _session()) is None:
        return False
    from ..values.queries import is_open

    return is_open(session)


@contextlib.contextmanager
def _no_transaction_left(function: Any) -> Iterator[None]:
    """Undo what is left open in the database; an exception would keep it so for as long as it lives."""
    before = _is_in_transaction()
    try:
        yield
        if not before and (session := _session()) is not None:
            from ..values.queries import require_closed

            code = function.__code__
            require_closed(session, f'{code.co_filename}, line {code.co_firstlineno}')
    except BaseException:
        if not before and (session := _session()) is not None:
            from ..values.queries import close_transactions

            close_transactions(session)
        raise


def _require_stored_form(outcome: Returned) -> None:
    try:
        encode({'': outcome.value}, [_LiveCodec()])
    except CannotStoreError as error:
        raise cannot_return(error, error.path, outcome.activation) from error.__cause__


def _run_children(machine: Machine, handles: list[Handle[Any]], restart: bool) -> None:
    released, machine.agenda.released = machine.agenda.released, []
    for handle in {id(handle): handle for handle in (*handles, *released)}.values():
        if not handle.ended:
            _run_child(handle, restart)


def _restarted(machine: Machine, host: _MemoryHost) -> Machine:
    """Return the machine as a restart would give it."""
    session = _session()
    if session is None:
        return _loaded(machine, host, [_LiveCodec()])
    from ..values.entities import EntityCodec
    from ..values.queries import QueryCodec, require_closed

    entities, queries = EntityCodec(), QueryCodec()
    queries.read_inner_first(machine)
    with entities.at_hand(entities.unstored.get):
        restarted = _loaded(machine, host, [entities, queries, _LiveCodec()])
    if not host.in_transaction:
        require_closed(session, _place_of(machine))
    return restarted


def _loaded(machine: Machine, host: _MemoryHost, codecs: list[Codec]) -> Machine:
    frame = store_frame(machine, codecs, recipes=host.recipes is not False)
    document = json.loads(json.dumps(frame.document, allow_nan=False))
    try:
        return load_frame(document, frame.blobs.__getitem__, host, codecs)
    except FrameError as error:
        raise CannotStoreError('frame', '', f'what is stored cannot be loaded again: {error}') from error


def _run_child(handle: Handle[Any], restart: bool) -> None:
    """Call a child's function as its job would: with copies of the inputs, giving a copy of the result."""
    try:
        if hasattr(handle.target, FUNCTION_MARK):
            result = run_in_memory(handle.target, restart=restart, **handle.inputs)
        elif isinstance(handle.target, Mapped):
            items = zip(*handle.inputs.values(), strict=True)
            result = [_result_or_error(handle.target, dict(zip(handle.inputs, item, strict=True))) for item in items]
        else:
            result = handle.target(**handle.inputs)
        handle.set_result(_copied(result))
    except Exception as error:
        handle.set_exception(error)
    handle.inputs = {}


def _result_or_error(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Return what a function returns, or the exception that it raises."""
    try:
        return function(**arguments)
    except Exception as error:
        return error


def _given(function: Any, name: str, value: Any) -> Any:
    try:
        return _copied(value)
    except CannotStoreError as error:
        at = f'argument `{name}{error.path}` of `{function.__name__}`'
        raise LaunchError(f'{at}: a `{error.value_type}` cannot be stored: {error.reason}') from error.__cause__


def _copied(value: Any) -> Any:
    """Return a copy of a value by way of its stored form: what a job sends shares nothing with the sender."""
    live = _LiveCodec()
    snapshot = encode({'': value}, [live])
    return decode(snapshot.document, snapshot.blobs.__getitem__, [live])['']


class _MemoryHost:
    """The surroundings of a machine that runs in memory.

    :param recipes: whether values may be made again (see `Host`).
    :ivar in_transaction: whether the caller has a transaction of the database open.
    """

    keeps_changes = True

    def __init__(self, recipes: bool | tuple[Any, ...] = True) -> None:
        self.in_transaction = _is_in_transaction()
        self.recipes = recipes
        self.plain_values: dict[Any, int] = {}
        self._now = time.time()

    def find(self, target: Any) -> Any:
        """Return the target; names stand for AiiDA's processes, which are refused."""
        if isinstance(target, str):
            raise LaunchError(f'`{target}` cannot run in memory: only Python functions and workflows can')
        return target

    def prepare(self, label: str, target: Any, args: tuple[Any, ...], inputs: dict[str, Any]) -> dict[str, Any]:
        """Bind and copy the inputs of a function."""
        function: Callable[..., Any] = getattr(target, FUNCTION_MARK, getattr(target, '__wrapped__', target))
        name = getattr(target, '__name__', repr(target))
        if isinstance(function, type) or not callable(function):
            raise LaunchError(f'`{name}` cannot run in memory: only Python functions and workflows can')
        if inspect.iscoroutinefunction(function) and not hasattr(target, FUNCTION_MARK):
            raise LaunchError(f'`{name}` is an `async def`, which cannot be a function job: `await {name}(...)`')
        bound = inspect.signature(function).bind(*args, **inputs)
        given: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            kind = bound.signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL or kind is inspect.Parameter.POSITIONAL_ONLY:
                raise TypeError(
                    f'parameter `{name}` of `{function.__name__}` cannot be given by name, as a job needs it'
                )
            given.update(value if kind is inspect.Parameter.VAR_KEYWORD else {name: value})
        if isinstance(function, types.FunctionType) and hasattr(target, FUNCTION_MARK):
            given = received(function, given)
        return {name: _given(function, name, value) for name, value in given.items()}

    def receive(self, source: Future[Any], variables: Sequence[str]) -> None:
        """Note nothing."""

    def now(self) -> float:
        """Return the time: it stands still, but jumps to the end of a timer when nothing else can happen."""
        return self._now

    def wait_until(self, due: float | None) -> None:
        """Let time pass until a timer ends, at once."""
        assert due is not None
        self._now = max(self._now, due)

    def pin(self, value: Any) -> Any:
        """Return a copy."""
        return _copied(value)

    def needs_recipe(self, value: Any) -> bool:
        """Return whether the value might have no stored form."""
        return self.recipes is not False and needs_recipe(value)


class _LiveCodec(Codec):
    """Keeps functions and classes that no name leads to as they are: in this process they do survive the restart.

    A test's workflow may use functions defined inside the test, which a real run would refuse or take along as source. AiiDA's
    nodes, which a real run stores, stay as they are too.
    """

    name = 'live'
    last_resort = True

    def __init__(self) -> None:
        self._objects: list[Any] = []

    def encode(self, value: object, ref: Callable[[object], Any]) -> Any | None:
        """Return the content for a function or class."""
        kinds = (types.FunctionType, type, getattr(sys.modules.get('aiida.orm'), 'Entity', type))
        if not issubclass(type(value), kinds):
            return None
        self._objects.append(value)
        return len(self._objects) - 1

    def decode(self, content: Any, get: Callable[[Any], object]) -> object:
        """Return the object itself."""
        return self._objects[content]
