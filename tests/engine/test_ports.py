"""The ports of a workflow: what annotations declare, validators, inputs of other processes, codes by label."""

from __future__ import annotations

import pytest
from aiida import engine, orm
from aiida.cmdline.utils.common import print_process_info
from engine import port_workflows as workflows
from engine.helpers import wait_until

from aiida_dreamflow import expose_inputs, fork, workflow
from aiida_dreamflow.exceptions import CompileError, LaunchError, WorkflowUsageError
from aiida_dreamflow.testing import check_provenance, run_in_memory


@pytest.fixture(scope='module')
def code(profile):
    """A code for the jobs, by its label."""
    computer = orm.load_computer('localhost')
    label = 'bash-of-ports'
    orm.InstalledCode(
        computer=computer, filepath_executable='/bin/bash', label=label, default_calc_job_plugin='core.arithmetic.add'
    ).store()
    return f'{label}@localhost'


def shown(ports):
    return {
        name: ([kind.__name__ for kind in port.valid_type], port.required)
        for name, port in ports.items()
        if isinstance(port.valid_type, tuple)
    }


def test_valid_types(profile):
    spec = workflows.typed.spec()
    assert shown(spec.inputs) == {
        'n': (['Int'], True),
        'structure': (['StructureData', 'NoneType'], False),
        'name': (['Str', 'NoneType'], False),
        'points': (['DreamData', 'NoneType'], False),
        'limit': (['Float', 'NoneType'], False),
        'anything': (['Data', 'NoneType'], False),
    }
    assert shown(spec.outputs) == {'energy': (['Float'], False), 'is_metal': (['Bool'], False)}
    assert spec.outputs['energy'].help == 'float: in eV.'
    assert shown(spec.outputs['scf']) == {'parameters': (['Dict'], True)}
    assert shown(workflows.pair.spec().outputs) == {'first': (['Float'], True), 'second': (['Str'], True)}
    assert shown(workflows.number.spec().outputs) == {'result': (['Float'], False)}


def test_outputs(run):
    outputs, node = run(workflows.typed, n=2)
    assert outputs['energy'] == 2.0
    assert node.outputs.is_metal.value is True
    assert node.outputs.scf.parameters.get_dict() == {'a': 2}
    assert check_provenance(node) == []
    assert run(workflows.number, n=0)[0] == {}
    assert run(workflows.number, n=2)[0] == {'result': 2}
    assert run(workflows.pair, first='none')[1].exit_status == 410


@pytest.mark.parametrize('launch', [engine.run, run_in_memory])
def test_other_outputs(profile, launch):
    with pytest.raises(
        WorkflowUsageError, match=r"port_workflows.py, line \d+: `first` of `pair` is declared as float, got str: 'a'"
    ):
        launch(workflows.pair, first='a')
    with pytest.raises(
        WorkflowUsageError, match=r'`lacks` declares the output `second`, and returned `first`, `secnd`: correct'
    ):
        launch(workflows.lacks, n=1)


@pytest.mark.parametrize('launch', [engine.run, run_in_memory])
def test_validators(profile, launch):
    assert launch(workflows.validated, x=1)
    for inputs, said in {
        (('x', -1),): '`x` of `validated`: must be positive, not -1',
        (('x', 1), ('low', 11)): '`low` and `high` of `validated`: they are not in order',
    }.items():
        with pytest.raises(LaunchError) as caught:
            launch(workflows.validated, **dict(inputs))
        assert str(caught.value) == said
    with pytest.raises(LaunchError, match='must be positive'):
        launch(workflows.asks, x=-1)


def test_validators_of_builders(profile):
    builder = workflows.validated.get_builder()
    with pytest.raises(ValueError, match='must be positive, not -1'):
        builder.x = -1


class Exposes(engine.WorkChain):
    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.expose_inputs(workflows.validated, exclude=['low'])
        spec.outline(cls.launch)

    def launch(self):
        inputs = self.exposed_inputs(workflows.validated)
        return self.to_context(child=self.submit(workflows.validated, **inputs))


def test_validators_where_exposed(profile):
    assert engine.run_get_node(Exposes, x=orm.Float(1))[1].is_finished_ok
    with pytest.raises(ValueError, match='must be positive'):
        engine.run(Exposes, x=orm.Float(-1))


def test_refused_validators():
    with pytest.raises(CompileError, match='the validator `positive` takes `x`, which is no parameter; there is `y`'):

        @workflow(validators=[workflows.positive])
        async def f(y):
            return y

    with pytest.raises(CompileError, match='1 is no validator'):

        @workflow(validators=[1])
        async def g(y):
            return y


def inputs(code, x=2):
    return {'code': code, 'x': x, 'metadata': {'options': {'max_wallclock_seconds': 60}}}


def adding(code):
    builder = workflows.adds.get_builder()
    builder.y = 1
    builder.add.x = 2
    builder.add.code = code
    builder.add.metadata.options.max_wallclock_seconds = 60
    return builder


def test_exposed(run, code):
    outputs, node = run(adding(code))
    assert outputs == {'sum': 5, 'walltime': 60}
    assert {entry.link_label for entry in node.base.links.get_incoming()} == {'y', 'add__x', 'add__code'}
    assert [child.inputs.x.pk for child in node.called] == [node.inputs.add.x.pk] * 2
    assert [child.get_option('max_wallclock_seconds') for child in node.called] == [60, 60]
    labels = [
        entry.link_label for entry in node.base.links.get_outgoing().all() if isinstance(entry.node, orm.CalcJobNode)
    ]
    assert labels == ['ArithmeticAddCalculation_1', 'ArithmeticAddCalculation_2']
    assert check_provenance(node) == []


def test_exposed_forked(run, code):
    _, node = run(adding(code))
    outputs, forked = run(fork(node, 1))
    assert outputs == {'sum': 5, 'walltime': 60}
    assert forked.inputs.add.x.pk == node.inputs.add.x.pk
    assert len(forked.called) == 1
    assert check_provenance(forked) == []


def test_exposed_optional(run, code):
    assert run(workflows.adds_or_not, y=1)[0] == {'result': 1}
    assert run(workflows.adds_or_not, y=1, add=inputs(code))[0] == {'result': 3}


def test_exposed_workflow(run, code):
    outputs, node = run(workflows.around, inner={'y': 1, 'add': inputs(code)})
    assert outputs == {'sum': 5, 'walltime': 60}
    assert check_provenance(node) == []


def test_exposed_wrong(profile, code):
    for given, said in {
        'none': '`adds` needs `add.x`, which was not given',
        'unknown': '`add` of `adds` has no entry `z`; it takes `code`, `monitors`, `remote_folder`, `x`',
        'odd': '`add` of `adds`: `x` is odd',
        'nowhere': 'there is no code `bash@nowhere`: `verdi code list` shows them, `verdi code create core.code.installed` makes one',
    }.items():
        add = {
            'none': {},
            'unknown': {**inputs(code), 'z': 1},
            'odd': inputs(code, 1),
            'nowhere': inputs('bash@nowhere'),
        }[given]
        with pytest.raises(LaunchError) as caught:
            engine.run(workflows.adds, y=1, add=add)
        assert str(caught.value) == said


def test_not_exposed():
    @workflow
    async def f(x: expose_inputs):
        return x

    assert not isinstance(f.spec().inputs['x'], engine.processes.ports.PortNamespace)

    from typing import Annotated

    @workflow
    async def g(x: Annotated[dict, expose_inputs(len)]):
        return x

    with pytest.raises(WorkflowUsageError, match='`expose_inputs` takes a class of processes'):
        g.spec()


def test_labels(run, code):
    outputs, node = run(workflows.coded, code=code, computer='localhost', label=code)
    assert outputs == {'code': 'bash-of-ports', 'computer': 'localhost', 'total': 3}
    assert node.inputs.code.full_label == code
    assert check_provenance(node) == []
    builder = workflows.coded.get_builder()
    builder.code = code
    assert builder.code.full_label == code


def test_shown_by_verdi(profile, capsys):
    """As `verdi plugin list aiida.workflows NAME` does."""
    print_process_info(workflows.typed)
    lines = [' '.join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert 'energy Float float: in eV.' in lines
    assert 'n Int int' in lines


@pytest.mark.daemon
def test_under_the_daemon(daemon, code):
    node = engine.submit(adding(code))
    wait_until(lambda: node.is_terminated, 'the workflow ends', node)
    assert node.outputs['sum'].value == 5
