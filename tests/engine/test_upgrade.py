"""A frame that does not fit what is installed pauses the workflow, which says what to do."""

from __future__ import annotations

import pytest
from aiida.engine.processes.control import play_processes
from engine import workflows
from engine.helpers import evaluations, kill_workers, wait_until

from aiida_dreamflow.engine.steps import find_record, read_step, sealed
from aiida_dreamflow.testing import check_provenance
from aiida_dreamflow.values.frame import FRAME_VERSION


def change_version(record, version):
    """Write the newest record as another version of this package would have."""
    content = record.base.attributes.get('dreamflow')
    document = {**read_step(record).document, 'version': version}
    record.backend_entity.set_attribute('dreamflow', {**content, **sealed(document)})


@pytest.mark.slow
def test_a_frame_of_another_version(daemon, tmp_path):
    from aiida import engine

    log = tmp_path / 'log'
    node = engine.submit(workflows.survivor, log=str(log), n=2, seconds=6.0)
    wait_until(lambda: log.exists(), 'a job runs', node)
    record = find_record(node)
    change_version(record, FRAME_VERSION + 1)
    kill_workers(daemon)
    wait_until(lambda: node.paused, 'it pauses', node)
    assert f'format {FRAME_VERSION + 1}' in node.process_status
    assert f'verdi process play {node.pk}' in node.process_status
    assert not node.is_terminated

    wait_until(lambda: evaluations(node)[0].is_terminated, 'the job ends', node)
    play_processes([node], timeout=10)
    wait_until(lambda: node.paused, 'it pauses again', node)

    change_version(record, FRAME_VERSION)
    play_processes([node], timeout=10)
    wait_until(lambda: node.is_sealed, 'it ends', node)
    assert node.is_finished_ok, node.exception
    assert log.read_text().split() == ['0', '1']
    assert check_provenance(node) == []


def test_killed_while_paused(daemon, tmp_path):
    from aiida import engine
    from aiida.engine.processes.control import kill_processes

    log = tmp_path / 'log'
    node = engine.submit(workflows.survivor, log=str(log), n=2, seconds=20.0)
    wait_until(lambda: log.exists(), 'a job runs', node)
    change_version(find_record(node), FRAME_VERSION + 1)
    kill_workers(daemon)
    wait_until(lambda: node.paused, 'it pauses', node)
    kill_processes([node], timeout=10)
    wait_until(lambda: node.is_terminated, 'it is killed', node)
    assert node.is_killed
    wait_until(lambda: evaluations(node)[0].is_terminated, 'its job is killed', node)
