"""`verdi process dump` of a workflow: nothing twice, and names that every file system takes."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_dreamflow import checkpoint, submit, workflow


def double(x):
    return 2 * x


@workflow
async def scaled(structure: orm.StructureData, points: orm.ArrayData, n: int):
    total = 0.0
    for i in range(n):
        total += (await submit(double, x=i)) + points.get_array().sum()  # noqa: E701
    await checkpoint()
    return {'total': total, 'points': points}


@pytest.fixture
def dumped(run, tmp_path):
    """A run, and the folder that it is dumped into."""
    structure = orm.StructureData(cell=np.eye(3).tolist(), pbc=True)
    outputs, node = run(scaled, structure=structure, points=orm.ArrayData(np.arange(1000.0)), n=2)
    assert outputs['total'] == 2 * 499500.0 + 2
    node.dump(output_path=tmp_path / 'dump')
    return node, tmp_path / 'dump'


def test_names(dumped):
    node, folder = dumped
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    assert len(names) == len(node.steps) + len(node.called)
    steps = sorted(name for name in names if '-step_' in name)
    assert all(
        set(name) <= set('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-') for name in steps
    ), steps
    assert steps[0].startswith('01-step_1-L')


def test_files(dumped):
    node, folder = dumped
    steps = [path for path in folder.iterdir() if '-step_' in path.name]
    for step in steps:
        files = {str(path.relative_to(step)) for path in step.rglob('*') if path.is_file()}
        source = {'inputs/source_file'} if '-step_1-' in step.name else set()
        assert files == {'aiida_node_metadata.yaml', '.aiida_dump_safeguard'} | source
        text = (step / 'aiida_node_metadata.yaml').read_text()
        assert 'function_name: scaled' in text
        assert 'frame:' not in text
    assert not [path for path in folder.rglob('*.npy') if 'FunctionJob' not in str(path)]


def test_flat(dumped, tmp_path):
    node, _ = dumped
    node.dump(output_path=tmp_path / 'flat', flat=True)
    assert len([path for path in (tmp_path / 'flat').rglob('source_file') if '-step_' in path.parent.name]) == 1


def test_nodes_stay_as_they_are(dumped):
    """What is left out of a dump is left out of nothing else."""
    node, _ = dumped
    first = orm.load_node(node.steps[0].pk)
    assert 'frame' in first.base.attributes.get('dreamflow')
    assert first.base.links.get_incoming().all()
    assert [entry.node.process_label for entry in node.base.links.get_outgoing(link_label_filter='step_1').all()] == [
        first.process_label
    ]
