"""What a step reads is what it used, however many came before it; and links say what they are."""

from __future__ import annotations

import importlib.util
import inspect
import random
import textwrap

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.tools import delete_nodes
from differential.corpus import generators, loops
from engine import link_workflows as workflows

from aiida_dreamflow.engine.hidden import FEW
from aiida_dreamflow.engine.ledger import Ledger
from aiida_dreamflow.testing import check_provenance


def read_by(step):
    """The nodes that a process has read, by label."""
    links = step.base.links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK)).all()
    return {entry.link_label: entry.node for entry in links}


def made_by(step):
    return {entry.link_label: entry.node for entry in step.base.links.get_outgoing(link_type=LinkType.CREATE).all()}


def labels_read(node):
    return [sorted(read_by(step)) for step in node.steps]


LOOPS = [
    workflows.optimises, workflows.makes_models, workflows.sends, workflows.takes, workflows.goes_through, workflows.chains,
    workflows.queues, workflows.zips, workflows.handles,
]  # fmt: skip


@pytest.mark.parametrize('process', LOOPS)
def test_a_step_reads_no_more_after_many(process, run):
    _, node = run(process)
    counts = [len(labels) for labels in labels_read(node)]
    third = len(counts) // 3
    assert max(counts[2 * third :]) <= max(counts[third : 2 * third]), counts
    assert max(counts) <= 5
    assert check_provenance(node) == []


def test_a_recipe_leads_back_to_its_inputs_and_no_further(run):
    _, node = run(workflows.optimises)
    first, *others = node.steps
    limits = made_by(first)['limits']
    assert limits.get_list() == [1, 25]
    # What the second step makes comes from there, so the others need no link of their own.
    assert [read_by(step).get('limits') for step in others] == [limits, *[None] * 7]
    assert labels_read(node)[2:] == [['x', 'xs', 'ys']] * 7


def test_a_cursor_leads_back_to_what_it_goes_through(run):
    _, node = run(workflows.queues)
    queues = [made_by(step)['queue'].pk for step in node.steps if 'queue' in made_by(step)]
    read = [read_by(step)['queue'].pk for step in node.steps if 'queue' in read_by(step)]
    assert len(queues) > 5
    assert set(queues[1:]) <= set(read), 'what was appended is what the next turn takes'


def test_what_a_generator_was_sent_is_told(run):
    _, node = run(workflows.sends)
    states = [made_by(step)['g'] for step in node.steps if 'g' in made_by(step)]
    assert len(states) == 3  # what the last turn leaves is not needed any more
    first = inspect.getsourcelines(workflows.totals)[1]
    assert states[1].value == f'generator `totals` of L{first}, at L{first + 3}, total = 3'  # 1 + 2
    assert states[1].python_type == 'generator'
    steps = [step for step in node.steps if 'g' in made_by(step)]
    assert [read_by(step)['g'].pk for step in steps[1:]] == [state.pk for state in states[:-1]]


def test_taking_from_a_generator_puts_nothing_into_it(run):
    _, node = run(workflows.takes)
    assert not [step for step in node.steps if 'g' in made_by(step)]


def test_results_of_helpers_are_nodes(run):
    """The step that goes on with five of them reads five, and one can walk back through each."""
    _, node = run(workflows.gathers)
    last = node.steps[-1]
    results = {name: node for name, node in read_by(last).items() if name.startswith('adds_')}
    # What has ended in the last step itself is no node: one at least, more if their children end together.
    made = {result.pk for step in node.steps[:-1] for name, result in made_by(step).items() if name.startswith('adds_')}
    assert 0 < len(results) < 5
    assert {result.pk for result in results.values()} == made
    assert len(read_by(last)) <= 7
    assert all(result.creator.pk in {step.pk for step in node.steps} for result in results.values())
    assert all(read_by(result.creator) for result in results.values())


def test_what_a_helper_raised_is_told(run):
    outputs, node = run(workflows.gathers_failures)
    assert outputs == {'result': 'no 1'}
    assert check_provenance(node) == []


def test_names(run):
    """A step is its line; what a child is given has the name of the parameter, and is called so."""
    _, node = run(workflows.handles)
    first, *_, last = node.steps
    source, number = inspect.getsourcelines(workflows.handles.require_function())
    made = next(index for index, line in enumerate(source) if 'waiting =' in line)
    assert first.label == first.process_label == f'L{number + made} waiting = [submit(child, ...) for i in range(...)]'
    assert last.label == f'L{number + len(source) - 1} return total'
    assert sorted(made_by(first)) == sorted(['x', *(f'child_{number}_x' for number in range(2, 6))])
    assert {node.label for node in made_by(first).values()} == set(made_by(first))


# -- nodes inside of containers


@pytest.fixture
def held(run):
    """Structures, a family, another node, and a workflow that keeps them in lists and dicts."""
    nodes = [orm.Int(1).store(), orm.Int(2), orm.Int(3).store(), orm.Int(4).store()]
    first, second, silicon, outside = nodes
    outputs, node = run(workflows.holds_nodes, structures=[first, second], family={'Si': silicon}, more=outside.pk)
    assert outputs['total'] == 10
    return nodes, node


def test_nodes_inside_are_linked(held):
    (first, second, silicon, outside), node = held
    inside = {label: given.pk for label, given in read_by(node).items() if label.startswith('nodes_inside')}
    assert set(inside) == {f'nodes_inside__{name}' for name in ('structures_1', 'structures_2', 'family_1')}
    assert set(inside.values()) == {first.pk, second.pk, silicon.pk}
    assert [
        step.label.partition(' ')[2] for step in node.steps if outside.pk in {n.pk for n in read_by(step).values()}
    ] == ['got = {...}']
    (child,) = node.called
    assert {given.pk for label, given in read_by(child).items() if label.startswith('nodes_inside')} > {outside.pk}
    assert max(len(read_by(step)) for step in node.steps) <= 5
    assert check_provenance(node) == []


@pytest.mark.parametrize('number', range(4))
def test_deleting_a_node_inside_takes_the_workflow_along(held, number):
    nodes, node = held
    pks, _ = delete_nodes([nodes[number].pk], dry_run=True)
    assert node.pk in pks


def test_nodes_inside_are_exported(held, tmp_path):
    from aiida.storage.sqlite_zip.backend import SqliteZipBackend
    from aiida.tools.archive import create_archive

    nodes, node = held
    create_archive([node], filename=tmp_path / 'it.aiida')
    backend = SqliteZipBackend(SqliteZipBackend.create_profile(tmp_path / 'it.aiida'))
    found = orm.QueryBuilder(backend=backend).append(orm.Data, filters={'uuid': {'in': [each.uuid for each in nodes]}})
    assert found.count() == 4
    backend.close()


def test_again_with_the_same_inputs(held, run):
    _, node = held
    outputs, again = run(node.get_builder_restart())
    assert outputs['total'] == 10
    assert len(read_by(again)) == len(read_by(node))


# -- all loops of the corpus, and random ones


@pytest.fixture
def bounded(monkeypatch):
    """Asserts at each step that it reads no more than its variables, the results that it received and hidden state."""
    read, seen = Ledger.read, []

    def checked(ledger, machine):
        links = read(ledger, machine)
        roots = {f'{place}:{name}' for place, block in machine.ran for name in block.used}
        nodes = sum(root in ledger.nodes for root in roots)
        hidden = [len(ledger.origins[root].nodes) for root in roots if root in ledger.origins]
        assert all(count <= FEW for count in hidden)
        assert len(links) <= max(len(ledger._brought) + nodes + sum(hidden), len(ledger._inputs))
        seen.append(len(links))
        return links

    monkeypatch.setattr(Ledger, 'read', checked)
    return seen


CORPUS = [
    pytest.param(function, id=name.removeprefix('do_'))
    for module in (loops, generators)
    for name, function in vars(module).items()
    if name.startswith('do_') and inspect.iscoroutinefunction(function)
]


@pytest.mark.parametrize('function', CORPUS)
def test_loops_of_the_corpus(function, bounded, profile):
    from aiida import engine

    repeated = _module_with(_REPEATED, function=function).repeated
    try:
        _, node = engine.run_get_node(repeated)
    except Exception:  # as some do natively
        return
    assert bounded
    turns = [[len(read_by(step)) for step in node.steps]]
    assert check_provenance(node) == [], turns


_REPEATED = """
from aiida_dreamflow import checkpoint, workflow

@workflow
async def repeated():
    for _ in range(3):
        await function()
        await checkpoint()
"""

#: What a turn of a random loop may do: each keeps state in its own way.
_STATEMENTS = [
    'a = a + await value(i)',
    'a += await value(b)',
    'b = (a + 1) * await value(b % 7) - max(a % 5, b % 3)',
    'xs.append(await value(a % 9))',
    'xs = [*xs[-5:], a]',
    'a = g.send(await value(a % 11))',
    'b = next(counter) + a % 3',
    'it = itertools.chain(it, [a])',
    'b = next(it)',
    'model = Model([a, b])',
    'a = model.suggest(xs, [b]) % 1000',
    'a, b = b, a',
    'rs = await gather(value(a), value(b), value(i))',
    'a = sum(rs) % 100',
    'for x in xs[:2]:\n    b += await value(x)',
    'for x, y in zip(xs[:2], rs):\n    await checkpoint()\n    a += x * y',
    'handles.append(submit(child, x=a))',
    'b = await handles[0]',
    'if a % 2:\n    await checkpoint()\n    b = b + 1',
]


@pytest.mark.parametrize('seed', range(6))
def test_random_loops(seed, bounded, run):
    chosen = random.Random(seed).choices(_STATEMENTS, k=6)
    body = textwrap.indent('\n'.join(chosen), ' ' * 8)
    source = textwrap.dedent("""
        import itertools
        from aiida_dreamflow import checkpoint, gather, submit, workflow
        from engine.link_workflows import Model, child, counts, totals, value

        @workflow
        async def program(n: int = 12):
            a, b, xs, rs, it, handles = 1, 2, [3, 4], [5, 6], iter(range(1000)), [submit(child, x=1)]
            g, counter = totals(), counts(3)
            model = Model([7])
            next(g)
            for i in range(n):
        BODY
                await checkpoint()
            return [a, b]
    """).replace('BODY', body)
    _, node = run(_module_with(source).program)
    third = len(bounded) // 3
    assert max(bounded[2 * third :]) <= max(bounded[third : 2 * third]) + 1, source
    assert check_provenance(node) == []


def _module_with(source, **names):
    """A module that has a source in a file."""
    import tempfile
    from pathlib import Path

    folder = Path(tempfile.mkdtemp())
    path = folder / f'links_{folder.name}.py'
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    vars(module).update(names)
    spec.loader.exec_module(module)
    return module
