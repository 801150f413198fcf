"""`Leased`: what makes an AiiDA process hold a lease while a worker runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kiwipy
from aiida import orm

from .lease import Lease, lease_folder

if TYPE_CHECKING:
    from aiida.engine import Process as Base
else:
    Base = object

__all__ = ('Leased',)


class Leased(Base):
    """Mixin for process classes, before AiiDA's class among the bases.

    Loading a process is how a worker takes it on; a process that is run where it was made needs no lease.
    """

    _lease: Lease | None = None

    def load_instance_state(self, saved_state: Any, load_context: Any) -> None:
        """Take the lease before anything of the process is set up."""
        pk = saved_state[self.SaveKeys.CALC_ID.value]
        self._lease = Lease(lease_folder(), pk)
        try:
            if orm.load_node(pk).is_terminated:
                # It ended between the delivery of the task and the lease.
                raise kiwipy.DuplicateSubscriberIdentifier(f'process {pk} has ended already')
            super().load_instance_state(saved_state, load_context)
        except BaseException:
            self._lease.release()
            raise

    def on_terminated(self) -> None:
        """Release the lease."""
        super().on_terminated()
        if self._lease is not None:
            self._lease.release()
