"""`Leased`: what makes an AiiDA process hold a lease while a worker runs it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, cast

import kiwipy
import plumpy
from aiida import orm
from aiida.common.log import LOG_LEVEL_REPORT
from aiida.engine import ExitCode
from aiida.engine.utils import set_process_state_change_timestamp
from aiida.manage.configuration import get_config_option
from plumpy import ProcessState

from . import failpoints
from .abandoned import watch
from .database import survive_database
from .lease import Lease, LeaseTakenError, lease_folder, noted_kill
from .reports import plain_text
from .rows import writing
from .trouble import PassingTroubleError, Undeterred, asking_broker
from .turns import Place, in_turns
from .understudy import Understudy
from .watchdog import WATCHDOG, Hearing
from .zeromq import reconnect

if TYPE_CHECKING:
    from aiida.engine import Process as Base
else:
    Base = object

__all__ = ('Leased', 'by_parent')

#: What the message of a kill has that a parent asks for: AiiDA's words in ``Process.kill`` of ``aiida.engine.processes.process``.
_BY_PARENT = ' by parent<'


def by_parent(pk: int | None, *, is_cancelled: bool = False) -> str:
    """Return the message for a process that its parent kills.

    :param pk: that of the parent.
    :param is_cancelled: whether the parent goes on.
    """
    return f'{"Cancelled" if is_cancelled else "Killed"}{_BY_PARENT}{pk}>'


class Leased(Base):
    """Mixin for process classes, before AiiDA's class among the bases.

    Loading a process is how a worker takes it on; a process that is run where it was made needs no lease.
    """

    #: What :func:`~aiida_dreamflow.jobs.lease.is_leased` asks.
    RUNS_UNDER_LEASE = True

    _lease: Lease | None = None
    _attached: frozenset[str] = frozenset()
    _encoded: dict[int, str] | None = None
    _place: Place | None = None
    _noted_kill: str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get('runner') is not None:
            reconnect(kwargs['runner'])
        super().__init__(*args, **kwargs)

    @classmethod
    def recreate_from(cls, saved_state: Any, load_context: Any = None) -> Any:
        """Take the process on; or, if another copy of it runs, stand by.

        :param saved_state: its checkpoint.
        :param load_context: the loop and the runner that it gets.
        :returns: the process, or its understudy.
        """
        try:
            return super().recreate_from(saved_state, load_context)
        except LeaseTakenError:
            return Understudy(saved_state[cls.SaveKeys.CALC_ID.value], load_context)

    def load_instance_state(self, saved_state: Any, load_context: Any) -> None:
        """Take the lease before anything of the process is set up."""
        pk = saved_state[self.SaveKeys.CALC_ID.value]
        self._lease = Lease(lease_folder(), pk)
        failpoints.reach('lease.taken')
        try:
            node = orm.load_node(pk)
            if node.is_terminated:
                # It ended between the delivery of the task and the lease; or its worker was killed when it had all but ended.
                if not node.is_sealed:
                    node.delete_checkpoint()
                    node.seal()
                self._lease.release()
                raise kiwipy.DuplicateSubscriberIdentifier(f'process {pk} has ended already')
            runner = getattr(load_context, 'runner', None)
            if runner is not None and runner.is_daemon_runner:
                survive_database(node.backend)
                watch(runner)
                WATCHDOG.start(node.backend, ends_worker=True)
            super().load_instance_state(saved_state, load_context)
            self._noted_kill = noted_kill(pk)
        except BaseException:
            self._lease.drop()
            raise

    def init(self) -> None:
        """Connect the process with the broker. If that is gone, it delivers the task again, and loses this one."""
        if self._communicator is not None:
            self._communicator = Undeterred(Hearing(self._communicator))
        try:
            with asking_broker():
                super().init()
        except PassingTroubleError as error:
            if self._lease is None:
                raise
            self._lease.drop()
            raise kiwipy.DuplicateSubscriberIdentifier(f'no broker to run process {self.pid} with: {error}') from error

    @property
    def place(self) -> Place:
        """Its place in the queue of those that want to do some work; where it was launched by `run`, there is none.

        Nor is there one if AiiDA polls without a pause: it asks then in every round, whether each child has ended, and there
        are many more rounds with turns (measured: 3.7 times the CPU time for a hundred jobs).
        """
        if self._place is None:
            polls = get_config_option('runner.poll.interval') < 1
            self._place = Place(hurries=polls or not self.runner.is_daemon_runner)
        return self._place

    async def step(self) -> None:
        """Make a step, in turns with the other processes of the worker; or end, if that was left to this worker."""
        if self._noted_kill is not None:
            text, self._noted_kill = self._noted_kill, None
            self.kill(text)
        if not self.has_terminated():
            await in_turns(super().step(), self.place)

    def kill(self, msg_text: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Kill the process."""
        self.speed_up(msg_text)
        return super().kill(msg_text, *args, **kwargs)

    def speed_up(self, msg_text: str | None) -> None:
        """Let the process that is to be killed go on at once from now on; before all others, if its parent kills it.

        A hundred children that all go on at once would stand between the worker and who asks for the next kill.

        :param msg_text: the message of the kill.
        """
        if msg_text is not None and _BY_PARENT in msg_text:
            self.place.come_first()
        else:
            self.place.hurry()

    def update_outputs(self) -> None:
        """Attach outputs that are new. AiiDA asks the database which are, at every change of state and mostly for nothing."""
        outputs = frozenset(self._flat_outputs())
        if not outputs <= self._attached:
            super().update_outputs()
            self._attached = outputs

    def encode_input_args(self, inputs: Any) -> str:
        """Return the inputs, or the outputs, in words. AiiDA finds words for the inputs at each change of state; they never change."""
        if inputs is not self.raw_inputs and inputs is not self.inputs:
            return super().encode_input_args(inputs)
        if self._encoded is None:
            self._encoded = {}
        if id(inputs) not in self._encoded:  # the process keeps both as long as it lives
            self._encoded[id(inputs)] = super().encode_input_args(cast(Any, inputs))
        return self._encoded[id(inputs)]

    def on_entered(self, from_state: Any) -> None:
        """Store the new state with the checkpoint that goes on from it, and tell of it.

        AiiDA stores these one by one: of the ninety commits of a job, twenty-seven are of its nine states. Source:
        ``Process.on_entered`` of ``aiida.engine.processes.process``.
        """
        failpoints.reach('state.changes')
        if self._state.LABEL is ProcessState.EXCEPTED:
            super().on_entered(from_state)
        else:
            self._store_state(cast(ProcessState, self._state.LABEL))
            plumpy.Process.on_entered(self, from_state)
        failpoints.reach('state.changed')

    def _store_state(self, label: ProcessState) -> None:
        try:
            self.update_outputs()
        except BaseException:
            self.node.set_process_state(label)
            raise
        with writing(self.node.backend):
            self.node.set_process_state(label)
            failpoints.reach('state.written')
            self._save_checkpoint()
            set_process_state_change_timestamp(self.node)

    def report(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Write to the report of the process, under its name, whatever the text has in it."""
        text = plain_text(msg % args if args else msg)
        self.logger.log(LOG_LEVEL_REPORT, f'[{self.node.pk}|{self._build_process_label()}]: {text}', **kwargs)

    def set_status(self, status: str | None) -> None:
        """Set the status that ``verdi process list`` shows."""
        super().set_status(None if status is None else plain_text(status))

    def on_finish(self, result: Any, successful: bool) -> None:
        """Store the exit code."""
        if isinstance(result, ExitCode) and isinstance(result.message, str):
            result = result._replace(message=plain_text(result.message))
        super().on_finish(result, successful)

    def on_except(self, exc_info: Any) -> None:
        """Store the exception as text, and report it: as AiiDA does, but for text that no database takes.

        Source: ``Process.on_except`` of ``aiida.engine.processes.process``. If this fails, the process never ends.
        """
        kind, error, trace = exc_info
        plumpy.Process.on_except(self, exc_info)
        self.node.set_exception(
            plain_text(self.in_words(''.join(traceback.format_exception(kind, error, None)).rstrip()))
        )
        self.report('%s', self.in_words(''.join(traceback.format_exception(kind, error, trace))))

    def in_words(self, text: str) -> str:
        """Return the text of a traceback with modules under the names by which the user knows them."""
        return text

    def on_terminated(self) -> None:
        """Release the lease."""
        super().on_terminated()
        WATCHDOG.forget(cast(int, self.pid))
        failpoints.reach('process.sealed')
        if self._lease is not None:
            self._lease.release()
