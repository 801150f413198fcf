"""A third party's calculations, run for real: Quantum ESPRESSO through aiida-quantumespresso.

An equation of state, a convergence loop with a point that fails and a nested workflow, launched by a protocol; then what AiiDA's tools
make of the results: queries, an archive in another profile, a dump, a work chain written by hand around them. The equation of state is
also written as a work chain: the numbers of both are compared, and shown by ``pytest -s``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiida import engine, orm
from aiida.common.links import LinkType

from aiida_dreamflow.testing import check_provenance

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which('pw.x') is None, reason='needs Debian packages: quantum-espresso, quantum-espresso-data'
    ),
]

PSEUDO = Path('/usr/share/espresso/pseudo/Si.pz-vbc.UPF')
SCALES = [0.94, 1.0, 1.06]


@pytest.fixture(scope='module')
def silicon(profile):
    """The workflows: the plugin cannot be imported without a profile."""
    from quantum_espresso import silicon

    return silicon


@pytest.fixture(scope='module')
def given(silicon):
    """Code, structure and pseudopotentials."""
    from aiida_pseudo.data.pseudo import UpfData
    from ase.build import bulk

    orm.InstalledCode(
        computer=orm.load_computer('localhost'),
        filepath_executable=shutil.which('pw.x'),
        label='pw',
        default_calc_job_plugin='quantumespresso.pw',
    ).store()
    return 'pw@localhost', orm.StructureData(ase=bulk('Si', 'diamond', 5.43)).store(), {'Si': UpfData(PSEUDO).store()}


def filled(silicon, inputs, given):
    """A builder, or a namespace of one, with the inputs of an equation of state."""
    code, inputs.structure, inputs.pw.pseudos = given
    inputs.scales = orm.List(SCALES)
    inputs.pw.code = orm.load_code(code)
    inputs.pw.kpoints = silicon.mesh_of(1)
    inputs.pw.parameters = silicon.parameters_of(8.0)
    inputs.pw.metadata.options = silicon.OPTIONS


@pytest.fixture(scope='module')
def builders(silicon, given):
    """Gives a builder with the inputs of an equation of state, in a namespace of it if that is named."""

    def builder_of(process, namespace=None):
        builder = process.get_builder()
        filled(silicon, builder if namespace is None else builder[namespace], given)
        return builder

    return builder_of


def launched(builder):
    """The node of a run, and the seconds that it took."""
    begin = time.monotonic()
    node = engine.run_get_node(builder)[1]
    assert node.is_finished_ok, (node.exit_message, node.exception)
    return node, time.monotonic() - begin


@pytest.fixture(scope='module')
def function(silicon, builders):
    return launched(builders(silicon.eos))


@pytest.fixture(scope='module')
def chain(silicon, builders):
    return launched(builders(silicon.EosWorkChain))


@pytest.fixture(scope='module')
def converged(silicon, given):
    return launched(silicon.converge.get_builder_from_protocol(*given))[0]


def lines_between(silicon, mark):
    text = Path(silicon.__file__).read_text().partition(f'# lines: {mark}\n')[2].partition('# lines: end')[0]
    return len([line for line in text.splitlines() if line.strip()])


def links_of(node):
    processes = [node, *node.called_descendants, *getattr(node, 'steps', ())]
    return sum(
        len(each.base.links.get_incoming().all()) + len(each.base.links.get_outgoing().all()) for each in processes
    )


def files_of(node, folder):
    node.dump(output_path=folder)
    files = [path for path in folder.rglob('*') if path.is_file()]
    return (
        len(files),
        sum(path.stat().st_size for path in files),
        [path for path in folder.rglob('*') if ':' in path.name],
    )


def test_equation_of_state(silicon, function, chain, tmp_path):
    """The numbers of the function and of the work chain, and what it takes to write, to run and to dump them."""
    (ours, seconds), (theirs, their_seconds) = function, chain
    assert ours.outputs.v0.value == pytest.approx(theirs.outputs.v0.value)
    assert ours.outputs.volumes.get_list() == theirs.outputs.volumes.get_list()
    assert {type(ours.outputs[name]) for name in ours.outputs} == {orm.List, orm.Float}
    assert check_provenance(ours) == []
    dumps = files_of(ours, tmp_path / 'ours'), files_of(theirs, tmp_path / 'theirs')
    lines = lines_between(silicon, 'eos'), lines_between(silicon, 'work chain')
    links = links_of(ours), links_of(theirs)
    print(
        f'\nequation of state, function / work chain: lines {lines}, links {links}, seconds {seconds:.0f} / {their_seconds:.0f}, dump {dumps}'
    )
    assert lines[0] < 0.5 * lines[1]
    assert links[0] <= links[1]
    assert dumps[0][0] <= dumps[1][0]
    assert dumps[0][2] == []


def test_convergence(silicon, converged):
    """A loop with a point that fails, and a workflow in it."""
    assert converged.outputs.failed.get_list()[0]['cutoff'] == -1.0
    assert converged.outputs.failed.get_list()[0]['status'] > 0
    assert (
        list(converged.outputs.energies.get_dict()) == ['8', '12', '16'][: len(converged.outputs.energies.get_dict())]
    )
    labels = [entry.link_label for entry in converged.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()]
    assert [label.rpartition('_')[0] for label in labels] == ['eos']
    assert 30 < converged.outputs.v0.value < 50  # it is 40
    assert check_provenance(converged) == []


def test_queries(silicon, converged):
    """Which volumes were found at a cutoff above 10 Ry, by workflows that calculations have failed in?"""
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={'attributes.process_label': 'converge'}, tag='run')
    query.append(
        orm.Float, with_incoming='run', edge_filters={'label': 'cutoff'}, filters={'attributes.value': {'>': 10}}
    )
    query.append(orm.Float, with_incoming='run', edge_filters={'label': 'v0'}, project='attributes.value')
    query.append(orm.CalcJobNode, with_incoming='run', filters={'attributes.exit_status': {'>': 0}})
    assert query.all(flat=True) == [converged.outputs.v0.value]


READ = """
import sys
sys.path[:0] = {path!r}
import throwaway
from pathlib import Path
throwaway.use_folder(Path({folder!r}))
throwaway.create_profile('other')
from aiida import orm
from aiida.tools.archive import import_archive
from click.testing import CliRunner
from aiida_dreamflow.cli import dreamflow
from aiida_dreamflow.testing import check_provenance
import_archive({archive!r})
node = orm.load_node({uuid!r})
assert check_provenance(node) == [], check_provenance(node)
steps = CliRunner().invoke(dreamflow, ['steps', str(node.pk)])
assert steps.exit_code == 0, steps.output
print(node.outputs.v0.value, len(node.called), len(steps.output.splitlines()))
"""


def test_archive(converged, root, tmp_path):
    """In another profile, which does not know the workflows."""
    from aiida.tools.archive import create_archive

    create_archive([converged], filename=tmp_path / 'silicon.aiida')
    path = [str(root), str(root / 'examples')]
    program = READ.format(
        path=path, folder=str(tmp_path / 'home'), archive=str(tmp_path / 'silicon.aiida'), uuid=converged.uuid
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    v0, called, steps = done.stdout.splitlines()[-1].split()
    assert float(v0) == converged.outputs.v0.value
    assert int(called) == len(converged.called)
    assert int(steps) >= len(converged.steps) - 1


def test_exposed(silicon, function, builders):
    """In a work chain written by hand; its calculations are found in the cache."""
    from aiida.manage.caching import enable_caching

    with enable_caching(identifier='aiida.calculations:quantumespresso.pw'):
        node, _ = launched(builders(silicon.Around, 'eos'))
    assert node.outputs.eos.v0.value == function[0].outputs.v0.value
    assert node.outputs.compressibility.value == pytest.approx(1 / node.outputs.eos.v0.value)
    (inner,) = [child for child in node.called if isinstance(child, orm.WorkChainNode)]
    assert all(child.base.caching.is_created_from_cache for child in inner.called)
    assert check_provenance(inner) == []


def test_validated(silicon, given):
    builder = silicon.eos.get_builder()
    with pytest.raises(ValueError, match='must be increasing'):
        builder.scales = [1.0, 0.9]
