"""`run_in_memory`: a workflow function in this process, with a restart at every await."""

from __future__ import annotations

import json
import sys
import time
import types
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..compiler import Bundle
from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import CannotStoreError, FrameError, LaunchError
from ..jobs.arguments import by_name
from ..jobs.failures import mark_failure
from ..runtime import Failed, Future, Handle, Machine, Returned
from ..values.frame import cannot_return, load_frame, store_frame
from ..values.parameters import received, signature_of
from ..values.pickling import without_pickles
from ..values.pinning import needs_recipe
from ..values.snapshot import Codec, decode, encode
from .children import call_child, prepared, require_launchable, workflow_arguments
from .crossing import EntityKeeper, LiveCodec, crossed
from .sessions import is_in_transaction, no_transaction_left, place_of, session_here

if TYPE_CHECKING:
    from ..engine.handed import HandedNodes

__all__ = ('run_in_memory',)


def run_in_memory(function: Any, /, *args: Any, restart: bool = True, **kwargs: Any) -> Any:
    """Run a workflow function without a profile; the children of `submit` are called in this process.

    A child is checked, gets its arguments and gives its result or its exception as its own process would: what `submit` refuses
    there it refuses here, and a function sees nothing of this process but the modules that it imports.

    :param function: the workflow function, decorated or not, ``async def`` or plain.
    :param args: its positional arguments.
    :param restart: whether at every await the frame is turned into its stored form and rebuilt from it, as after a
        restart. What works so, survives a killed worker. Nobody waits for a `sleep` or a `timeout`: when nothing else
        can happen, it is as if the time had passed.
    :param kwargs: its keyword arguments.
    :returns: what it returns.
    :raises BaseException: what it raises.
    :raises CompileError: if it cannot be compiled.
    :raises TypeError: if the arguments do not fit.
    :raises WorkflowUsageError: if a global variable that it uses cannot go along where it is launched.
    :raises CannotStoreError: if a variable that an await crosses cannot be stored (with ``restart``), or what a decorated function
        is given or returns.
    """
    return _run_function(function, args, kwargs, restart)


def _run_function(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], restart: bool, is_awaited: bool = False
) -> Any:
    plain = getattr(function, FUNCTION_MARK, function)
    # What a test defines inside of itself cannot always be launched: it gets what it is given, and returns what it returns.
    is_process = isinstance(getattr(function, 'bundle', None), Bundle)
    if is_process:
        if not is_awaited:
            require_launchable(function)
        args, kwargs = (), workflow_arguments(function, by_name(plain, args, kwargs))
    elif isinstance(plain, types.FunctionType):  # anything else is refused
        args, kwargs = _received(plain, args, kwargs)
    host = _MemoryHost(function, is_process, is_awaited)
    machine = Machine(host)
    machine.start(plain, args, kwargs)
    with without_pickles(not getattr(function, 'pickles', True)), no_transaction_left(plain):
        return _run(machine, host, restart)


def _received(
    function: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    try:
        bound = signature_of(function).bind(*args, **kwargs)
    except TypeError:
        return args, kwargs  # the call says so too
    bound.arguments.update(received(function, bound.arguments))
    return bound.args, bound.kwargs


def _run(machine: Machine, host: _MemoryHost, restart: bool) -> Any:
    while True:
        outcome = machine.step()
        if isinstance(outcome, Failed):
            raise outcome.exception
        host.require_unchanged(is_end=True)
        if isinstance(outcome, Returned):
            outcome = host.given_back(outcome)
        launched = [handle.label for handle in machine.intents if not handle.held]
        if restart and not isinstance(outcome, Returned):
            machine = _restarted(machine, host)
        # In the order of `submit`, as if each took the same time.
        _run_children(machine, host, [handle for handle in machine.pending if handle.label in launched], restart)
        while not machine.is_ready():
            if machine.agenda.released:
                _run_children(machine, host, [], restart)
            elif isinstance(outcome, Returned):
                value = outcome.value
                del machine, outcome  # this frame may live on: an exception of a held generator leads to its callers
                return value
            else:
                host.wait_until(machine.next_due())


def _run_children(machine: Machine, host: _MemoryHost, handles: list[Handle[Any]], restart: bool) -> None:
    released, machine.agenda.released = machine.agenda.released, []
    for handle in {id(handle): handle for handle in (*handles, *released)}.values():
        if not handle.ended:
            _run_child(handle, host.sources.pop(handle.label, None), restart)


def _restarted(machine: Machine, host: _MemoryHost) -> Machine:
    """Return the machine as a restart would give it."""
    session, codecs = session_here(), host.codecs()
    if session is None:
        return _loaded(machine, host, codecs)
    from ..values.entities import EntityCodec
    from ..values.queries import QueryCodec, require_closed

    entities, queries = EntityCodec(), QueryCodec()
    queries.read_inner_first(machine)
    with entities.at_hand(entities.unstored.get):
        restarted = _loaded(machine, host, [entities, queries, *codecs])
    if not host.in_transaction:
        require_closed(session, place_of(machine))
    return restarted


def _loaded(machine: Machine, host: _MemoryHost, codecs: list[Codec]) -> Machine:
    frame = store_frame(machine, codecs, recipes=host.recipes is not False)
    document = json.loads(json.dumps(frame.document, allow_nan=False))
    try:
        return load_frame(document, frame.blobs.__getitem__, host, codecs)
    except FrameError as error:
        raise CannotStoreError('frame', '', f'what is stored cannot be loaded again: {error}') from error


def _run_child(handle: Handle[Any], source: Bundle | None, restart: bool) -> None:
    """Let the child of a handle run; that is told how it ended.

    :param source: what it is to be run from, if it is a plain function.
    """

    def run_workflow(target: Any, arguments: dict[str, Any]) -> Any:
        return _run_function(target, (), arguments, restart, is_awaited=True)

    try:
        handle.set_result(call_child(handle.target, handle.inputs, source, handle.label, run_workflow))
    except Exception as error:
        handle.set_exception(mark_failure(error.with_traceback(None), handle.label))
    handle.inputs = {}


class _MemoryHost:
    """The surroundings of a machine that runs in memory.

    :param function: the workflow function, decorated or not.
    :param is_process: whether it could be launched: then it is told apart from this process in the same ways.
    :param is_awaited: whether another workflow waits for what it returns.
    :ivar in_transaction: whether the caller has a transaction of the database open.
    :ivar sources: the functions of the children that have not begun, as they were on the line of `submit`, by label.
    """

    keeps_changes = True

    def __init__(self, function: Any = None, is_process: bool = False, is_awaited: bool = False) -> None:
        self.recipes: bool | tuple[Any, ...] = getattr(function, 'recipes', True)
        self.plain_values: dict[Any, int] = {}
        self.sources: dict[str, Bundle] = {}
        self._function = function
        self._is_process = is_process
        self.is_awaited = is_awaited
        self.in_transaction = is_in_transaction()
        self.handed: HandedNodes | None = None
        self._now = time.time()

    def codecs(self) -> list[Codec]:
        """Return the codecs of a frame."""
        if not self._is_process:
            return [LiveCodec()]
        from ..engine.codecs import BuilderCodec, OwnFileCodec

        return [EntityKeeper(), BuilderCodec(), OwnFileCodec(self._function.function, self._function.bundle)]

    def given_back(self, outcome: Returned) -> Returned:
        """Return an outcome with what is given to those who await the workflow, or run it."""
        if not hasattr(self._function, FUNCTION_MARK):
            return outcome
        from aiida.engine import ExitCode

        from ..engine.returning import given_back, outputs_in, require_declared

        value = outcome.value
        if isinstance(value, ExitCode):
            return outcome
        outputs, returned = {}, outputs_in(value)
        require_declared(getattr(self._function, FUNCTION_MARK), returned, outcome.activation)
        for output in returned:
            try:
                outputs[output.label] = crossed(output.value, [] if self._is_process else self.codecs())
            except CannotStoreError as error:
                at = error.path.removeprefix('value')
                at = at if output.value is value else ''.join(f'[{key!r}]' for key in output.path) + at
                raise cannot_return(error, at, outcome.activation) from error.__cause__
        try:
            return replace(outcome, value=given_back(value, outputs, self.codecs()))
        except FrameError:
            if self.is_awaited:
                raise
            return replace(outcome, value=outputs)

    def find(self, target: Any) -> Any:
        """Return the target; names stand for AiiDA's processes, which are refused."""
        if isinstance(target, str):
            from ..engine.kinds import find_target

            find_target(target)
            raise LaunchError(f'`{target}` cannot run in memory: only Python functions and workflows can')
        return target

    def prepare(self, label: str, target: Any, args: tuple[Any, ...], inputs: dict[str, Any]) -> dict[str, Any]:
        """Check the inputs of a child, on the line of `submit`."""
        if 'aiida.orm' in sys.modules:
            from ..engine.handed import HandedNodes

            self.handed = self.handed or HandedNodes()
            self.require_unchanged()
            self.handed.note(label, inputs)
        arguments, source = prepared(target, args, inputs)
        if source is not None:
            self.sources[label] = source
        return arguments

    def require_unchanged(self, is_end: bool = False) -> None:
        """Refuse that a node was changed in a step after a child was given it.

        :param is_end: whether the step ends here.
        """
        if self.handed is not None:
            self.handed.require_unchanged()
            if is_end:
                self.handed.clear()

    def explain(self, error: BaseException) -> None:
        """Change nothing."""

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
        codecs = self.codecs()
        snapshot = encode({'': value}, codecs)
        return decode(snapshot.document, snapshot.blobs.__getitem__, codecs)['']

    def needs_recipe(self, value: Any) -> bool:
        """Return whether the value might have no stored form."""
        return self.recipes is not False and needs_recipe(value)
