"""One worker runs a process, whatever the broker delivers."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import kiwipy
import pytest

from aiida_dreamflow.jobs.lease import Lease


def test_second_holder_is_refused(tmp_path):
    lease = Lease(tmp_path, 5)
    with pytest.raises(kiwipy.DuplicateSubscriberIdentifier, match='process 5 is run by another worker'):
        Lease(tmp_path, 5)
    Lease(tmp_path, 6).release()
    lease.release()
    Lease(tmp_path, 5).release()
    assert list(tmp_path.iterdir()) == []


def test_releasing_twice_does_not_touch_the_next_holder(tmp_path):
    first = Lease(tmp_path, 5)
    first.release()
    second = Lease(tmp_path, 5)
    first.release()
    with pytest.raises(kiwipy.DuplicateSubscriberIdentifier):
        Lease(tmp_path, 5)
    second.release()


def test_dies_with_its_holder(tmp_path):
    program = textwrap.dedent(f"""
        import pathlib, time
        from aiida_dreamflow.jobs.lease import Lease
        lease = Lease(pathlib.Path({str(tmp_path)!r}), 5)
        print('held', flush=True)
        time.sleep(60)
    """)
    holder = subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == 'held\n'
        with pytest.raises(kiwipy.DuplicateSubscriberIdentifier):
            Lease(tmp_path, 5)
    finally:
        holder.kill()
        holder.wait()
    Lease(tmp_path, 5).release()


def test_a_process_that_had_all_but_ended_is_sealed(profile):
    """Its worker was killed after the last change of state, and the broker delivers it again."""
    from aiida import orm
    from aiida.engine import Process, ProcessState

    from aiida_dreamflow.jobs.leased import Leased

    class Loaded(Leased):
        SaveKeys = Process.SaveKeys

    node = orm.WorkChainNode()
    node.set_process_state(ProcessState.FINISHED)
    node.store()
    node.set_checkpoint('where it was')
    with pytest.raises(kiwipy.DuplicateSubscriberIdentifier, match='has ended already'):
        Loaded().load_instance_state({Process.SaveKeys.CALC_ID.value: node.pk}, None)
    assert node.is_sealed
    assert node.checkpoint is None
