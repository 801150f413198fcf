"""What AiiDA does with the graph of a workflow: drawing, dumping, exporting and importing, caching."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys

import pytest
from aiida import engine, orm
from aiida.common.links import LinkType
from aiida.manage.caching import enable_caching
from engine import exchange_workflows as workflows
from engine.helpers import evaluations

from aiida_dreamflow.jobs import remote
from aiida_dreamflow.testing import check_provenance


@pytest.fixture(scope='module')
def finished(profile):
    """A workflow that has run."""
    _, node = engine.run_get_node(workflows.everything)
    assert node.is_finished_ok, (node.exit_message, node.exception)
    return node


def links_of(nodes):
    return {
        (entry.node.uuid, node.uuid, entry.link_type, entry.link_label)
        for node in nodes
        for entry in node.base.links.get_incoming().all()
    }


def test_graph(finished):
    from aiida.tools.visualization import Graph

    graph = Graph()
    graph.recurse_ancestors(finished, annotate_links='both')
    graph.recurse_descendants(finished, annotate_links='both')
    source = graph.graphviz.source
    for node in (
        *finished.called,
        *finished.steps,
        *(entry.node for entry in finished.base.links.get_outgoing().all()),
    ):
        assert f'N{node.pk} [' in source
    assert 'step_1' in source


@pytest.mark.optional
@pytest.mark.skipif(shutil.which('dot') is None, reason='Graphviz is not installed')
def test_graph_generate(finished, tmp_path):
    from aiida.cmdline.commands.cmd_node import graph_generate
    from click.testing import CliRunner

    target = tmp_path / 'graph.svg'
    done = CliRunner().invoke(
        graph_generate, [str(finished.pk), '--output-file', str(target), '--output-format', 'svg']
    )
    assert done.exit_code == 0, done.output
    assert '<svg' in target.read_text()


def test_dump(finished, tmp_path):
    from aiida.cmdline.commands.cmd_process import process_dump
    from click.testing import CliRunner

    target = tmp_path / 'dumped'
    done = CliRunner().invoke(process_dump, [str(finished.pk), '--path', str(target), '--flat'])
    assert done.exit_code == 0, (done.output, done.exception)
    done = CliRunner().invoke(process_dump, [str(finished.pk), '--path', str(tmp_path / 'deep')])
    assert done.exit_code == 0, (done.output, done.exception)
    names = [path.name for path in (tmp_path / 'deep').rglob('*')]
    assert {remote.FUNCTION_FILE, remote.RESULT_FILE} <= set(names), names
    assert any(str(finished.called[0].pk) in name for name in names)


READ = """
import math, sys
sys.path[:0] = {path!r}
import throwaway
from pathlib import Path
throwaway.use_folder(Path({folder!r}))
throwaway.create_profile('other')
from aiida import orm
from aiida.tools.archive import import_archive
from aiida_dreamflow.engine import pinned
from aiida_dreamflow.exceptions import UntrustedValueError
from aiida_dreamflow.jobs import remote
from aiida_dreamflow.testing import check_provenance
from aiida_dreamflow.values.nodes import from_node
import_archive({archive!r})
node = orm.load_node({uuid!r})
table = from_node(node.outputs.table)
assert type(table).__name__ == 'OrderedDict' and table['array'].tolist() == [0, 1] and math.isnan(table['nan'])
assert from_node(node.outputs.ys) == {ys!r}
try:
    from_node(node.outputs.pickled)
except UntrustedValueError as error:
    assert 'not signed by this profile' in str(error)
else:
    raise AssertionError('code of another profile was run')
try:
    pinned.class_of(node)
except UntrustedValueError as error:
    assert 'was not stored by this profile' in str(error)
else:
    raise AssertionError('the source of another profile was run')
assert 'engine.exchange_workflows' not in sys.modules
assert check_provenance(node) == [], check_provenance(node)
links = sorted((entry.node.uuid, each.uuid, entry.link_type.value, entry.link_label)
               for each in orm.QueryBuilder().append(orm.Node).all(flat=True)
               for entry in each.base.links.get_incoming().all())
print(len(links))
for link in links:
    print(*link)
"""


def test_archive_in_another_profile(finished, root, tmp_path):
    """Links are intact, plain values readable; a pickle of this profile is refused there."""
    from aiida.tools.archive import create_archive

    archive = tmp_path / 'run.aiida'
    create_archive([finished], filename=archive)
    ys = workflows.squares([0.1, 1.1])
    path = [str(root), str(root / 'examples'), str(root / 'tests')]
    program = READ.format(path=path, folder=str(tmp_path / 'home'), archive=str(archive), uuid=finished.uuid, ys=ys)
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    processes = [finished, *finished.called_descendants, *finished.steps]
    data = [entry.node for process in processes for entry in process.base.links.get_outgoing().all()]
    data += [entry.node for process in processes for entry in process.base.links.get_incoming().all()]
    expected = {
        (a, b, kind.value, label)
        for a, b, kind, label in links_of({node.uuid: node for node in [*processes, *data]}.values())
    }
    found = {tuple(line.split(' ')) for line in done.stdout.strip().splitlines()[1:]}
    assert expected <= found


def test_archive_imported_again(profile, tmp_path):
    """Deleted and imported into its own profile, even the pickle is loaded: this profile signed it."""
    from aiida.tools import delete_nodes
    from aiida.tools.archive import create_archive, import_archive

    _, node = engine.run_get_node(workflows.signed)
    uuid, archive = node.uuid, tmp_path / 'run.aiida'
    create_archive([node], filename=archive)
    delete_nodes([node.pk], dry_run=False)
    import_archive(archive)
    again = orm.load_node(uuid=uuid)
    pickled = again.outputs.pickled.value
    assert type(pickled) is workflows.Pickled
    assert math.isnan(pickled.x['nan'])
    assert check_provenance(again) == []


def test_caching(profile):
    """A second run takes its function jobs from the first, whose results a new process could not give again."""
    first, one = engine.run_get_node(workflows.cached, n=2)
    with enable_caching(identifier='aiida.calculations:dreamflow.function'):
        second, two = engine.run_get_node(workflows.cached, n=2)
        _, other = engine.run_get_node(workflows.cached, n=3)
    sources = [job.base.caching.get_cache_source() for job in evaluations(two)]
    assert sources == [job.uuid for job in evaluations(one)]
    assert [job.base.caching.is_created_from_cache for job in evaluations(other)] == [False]
    assert {name: node.get_list() for name, node in first.items()} == {
        name: node.get_list() for name, node in second.items()
    }
    assert check_provenance(two) == []


def test_every_node_has_a_hash(finished):
    """Those of a step are written in bulk: caching and the search for duplicates need it all the same."""
    data = {
        entry.node.pk: entry.node
        for step in (*finished.called, *finished.steps)
        for entry in step.base.links.get_outgoing(link_type=LinkType.CREATE).all()
    }
    assert len(data) > 5
    for node in data.values():
        assert node.base.caching.get_hash() == node.base.extras.get('_aiida_hash') == node.base.caching.compute_hash()


def test_hash_of_what_has_an_address_in_its_repr(profile):
    from aiida_dreamflow.values.nodes import to_node

    one, two = (to_node(workflows.Pickled([1])).store() for _ in range(2))
    assert one.base.attributes.get('repr') != two.base.attributes.get('repr')
    assert one.base.caching.get_hash() == two.base.caching.get_hash()
