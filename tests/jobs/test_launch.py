"""Function jobs for real, on `localhost`."""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import jobs.functions as functions
import numpy as np
import pytest
from aiida import engine, orm
from aiida.common.links import LinkType
from aiida.engine.daemon import execmanager

from aiida_dreamflow.compiler.bundle import bundle
from aiida_dreamflow.compiler.state import State
from aiida_dreamflow.exceptions import ChildFailedError, LaunchError, RemoteTraceback, WorkflowUsageError
from aiida_dreamflow.jobs import remote, wire
from aiida_dreamflow.jobs.calculation import FunctionJob, bundle_to_nodes, nodes_to_bundle
from aiida_dreamflow.jobs.codes import find_code, found_once
from aiida_dreamflow.jobs.launch import function_job_inputs, job, job_outcome

pytestmark = pytest.mark.usefixtures('profile')


def run(target, **arguments):
    process_class, inputs = function_job_inputs(target, arguments)
    return engine.run_get_node(process_class, **inputs)[1]


def python_code(path, label):
    computer = orm.load_computer('localhost')
    return orm.InstalledCode(computer=computer, filepath_executable=str(path), label=label).store()


def test_returns(monkeypatch):
    for module in (remote, wire):
        # A worker goes on during an upgrade of this package: what it sends is what it was started with.
        monkeypatch.setattr(module, '__file__', '/is/another/by/now')
    node = run(functions.hypotenuse, a=3, b=orm.Float(4.0))
    assert job_outcome(node) == 10.0
    assert node.process_type == 'aiida.calculations:dreamflow.function'
    assert node.inputs.arguments.a.value == 3
    assert node.inputs.function.label == 'hypotenuse'
    assert sorted(node.base.links.get_outgoing().all_link_labels()) == ['remote_folder', 'result', 'retrieved']
    # What is in the node is what a person wants to read, and no second copy of the arguments' arrays.
    assert 'def scale' in node.base.repository.get_object_content('dreamflow_function.py')
    assert 'class Point' not in node.base.repository.get_object_content('dreamflow_function.py')


def test_killed_after_the_upload(monkeypatch):
    """The folder is linked, the state not changed yet: the worker that goes on uploads nothing, and takes that folder."""
    upload = execmanager.upload_calculation

    async def upload_before_and_again(node, *args):
        folder = await upload(node, *args)
        folder.base.links.add_incoming(node, LinkType.CREATE, 'remote_folder')
        folder.store()
        return await upload(node, *args)

    monkeypatch.setattr(execmanager, 'upload_calculation', upload_before_and_again)
    node = run(functions.hypotenuse, a=3, b=4.0)
    assert job_outcome(node) == 10.0
    assert len(node.base.links.get_outgoing(orm.RemoteData).all()) == 1


def test_arrays():
    x = np.linspace(0, 25, 3)
    node = run(functions.xsinx, x=x)
    np.testing.assert_array_equal(job_outcome(node), functions.xsinx(x))
    assert not [name for name in node.base.repository.list_object_names() if name.endswith('.npy')]


def test_names_and_kinds_of_parameters():
    node = run(functions.everything, first=1, _tmp=2, x_=3, args=[4], metadata=5, lambda_=6)
    assert job_outcome(node) == [1, 2, 3, [4], 5, {'lambda_': 6}]


def test_stdout_is_retrieved_and_a_stored_function_used_again():
    stored = {port: node.store() for port, node in bundle_to_nodes(bundle(functions.add)).items()}
    for x in (1, 2):
        process_class, inputs = function_job_inputs(functions.add, {'x': x}, stored)
        node = engine.run_get_node(process_class, **inputs)[1]
        assert job_outcome(node) == x + 1
        assert node.inputs.function.pk == stored['function'].pk
    assert node.outputs.retrieved.base.repository.get_object_content('stdout') == 'adding\n'
    assert nodes_to_bundle(stored) == bundle(functions.add)


def test_a_function_defined_in_a_test():
    def nested(x):
        return functions_scale * x

    functions_scale = 2
    with pytest.raises(WorkflowUsageError, match='`functions_scale`'):
        run(nested, x=1)

    def free(x):
        return (None, {x})

    assert job_outcome(run(free, x='a')) == (None, {'a'})


def test_exceptions_of_the_functions_own_file():
    node = run(functions.half, number=3)
    assert node.exit_status == FunctionJob.exit_codes.ERROR_FUNCTION_RAISED.status
    with pytest.raises(functions.OddNumberError, match='3 is odd') as caught:
        job_outcome(node, functions.half)
    assert (caught.value.number, caught.value.hint) == (3, 'double it')
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "raise OddNumberError(number, hint='double it')" in str(caught.value.__cause__)
    assert f'function job {node.pk}' in caught.value.__notes__[-1]
    with pytest.raises(ChildFailedError, match='OddNumberError: 3 is odd') as caught:
        job_outcome(node)
    assert (caught.value.node.pk, caught.value.exit_status) == (node.pk, 310)
    assert node.outputs.exception.get_dict()['type'] == 'OddNumberError'


def test_builtin_exceptions():
    node = run(functions.divide, x=1, y=0)
    with pytest.raises(ValueError, match='no division') as caught:
        job_outcome(node)
    assert caught.value.args == ('no division', {'y': 0})
    assert type(caught.value.__cause__) is ZeroDivisionError
    assert 'no division' in str(caught.value.__cause__.__cause__)


@pytest.mark.parametrize(
    ('function', 'arguments', 'label', 'error', 'words'),
    [
        (
            functions.unsendable,
            {'x': 1},
            'ERROR_RESULT_NOT_SENDABLE',
            ChildFailedError,
            r"`object` at `result\['points'\]",
        ),
        (functions.needs_missing, {}, 'ERROR_MODULE_MISSING', ModuleNotFoundError, 'a_module_that_is_nowhere'),
        (functions.killed, {}, 'ERROR_NO_RESULT', ChildFailedError, 'ended without a result'),
        (functions.leaves, {'status': 3}, 'ERROR_FUNCTION_RAISED', ChildFailedError, 'SystemExit: 3'),
    ],
)
def test_failures(function, arguments, label, error, words):
    node = run(function, **arguments)
    assert node.exit_status == FunctionJob.exit_codes[label].status
    with pytest.raises(error, match=words):
        job_outcome(node, function)


def test_a_python_that_is_missing_or_something_else(tmp_path):
    code = python_code(tmp_path / 'no-python', 'missing')
    node = run(job(functions.add, code=code), x=1)
    assert node.exit_status == FunctionJob.exit_codes.ERROR_PYTHON_MISSING.status
    assert str(tmp_path / 'no-python') in node.exit_message
    other = tmp_path / 'other'
    other.write_text(
        '#!/bin/sh\necho \'{"status": "returned", "python": "3", "value": {"!": "pickle"}}\' > result.json\n'
    )
    other.chmod(0o755)
    node = run(job(functions.add, code=python_code(other, 'other')), x=1)
    assert node.exit_status == FunctionJob.exit_codes.ERROR_RESULT_MALFORMED.status


def test_metadata_and_options():
    metadata = {'label': 'mine', 'options': {'max_wallclock_seconds': 60}}
    target = job(functions.add, computer='localhost', metadata=metadata)
    assert target(2) == 3
    assert inspect.signature(target) == inspect.signature(functions.add)
    _, inputs = function_job_inputs(target, {'x': 1})
    assert inputs['metadata'] == metadata
    node = run(target, x=2)
    assert (node.label, node.get_option('max_wallclock_seconds')) == ('mine', 60)


def test_files(tmp_path):
    (tmp_path / 'inner').mkdir()
    (tmp_path / 'inner' / 'b').write_text('22')
    single = orm.SinglefileData.from_bytes(b'1', filename='a.txt')
    node = run(functions.read_all, single=single, folder=orm.FolderData(tree=tmp_path))
    assert job_outcome(node) == ['a.txt', '1', 'inner/b', '22']
    assert 'files' not in node.base.repository.list_object_names(), 'the files are in the nodes of the arguments'


@pytest.mark.daemon
def test_under_the_daemon(daemon):
    process_class, inputs = function_job_inputs(functions.add, {'x': np.float64(2)})
    node = engine.submit(process_class, **inputs)
    deadline = time.monotonic() + 60
    while not node.is_terminated and time.monotonic() < deadline:
        time.sleep(0.2)
    assert job_outcome(node) == 3
    assert type(job_outcome(node)) is np.float64


def test_a_computer_in_the_metadata():
    computer = orm.load_computer('localhost')
    assert (
        'computer'
        not in function_job_inputs(job(functions.add, metadata={'computer': computer}), {'x': 1})[1]['metadata']
    )


def two(a, /, b, *, c=1):
    return a, b, c


@pytest.mark.parametrize('arguments', [{}, {'a': 1}, {'a': 1, 'b': 2, 'd': 3}, {'b': 1}])
def test_wrong_arguments_are_refused_in_pythons_words(arguments):
    given = dict(arguments)
    first = [given.pop('a')] if 'a' in given else []
    with pytest.raises(TypeError) as expected:
        two(*first, **given)
    with pytest.raises(TypeError) as caught:
        function_job_inputs(two, arguments)
    assert str(caught.value) == str(expected.value)


def test_arguments_that_cannot_be_sent():
    with pytest.raises(LaunchError, match=r'argument `x`: `scale` does not mention the class `Point`.*annotate'):
        function_job_inputs(functions.scale, {'x': [functions.Point(1, 2)]})
    with pytest.raises(LaunchError, match='is no data'):
        function_job_inputs(functions.scale, {'x': orm.WorkChainNode()})


def test_codes_and_computers_that_do_not_exist():
    for options, words in (
        ({'computer': 'nowhere'}, 'no computer `nowhere`: `verdi computer list`'),
        ({'code': 'nothing'}, 'no code `nothing`: `verdi code list`'),
        ({'code': 'nothing', 'computer': 'localhost'}, 'no code `nothing@localhost`'),
    ):
        with pytest.raises(LaunchError, match=words):
            function_job_inputs(job(functions.scale, **options), {'x': 1})
    fresh = orm.Computer(
        'fresh', 'h', transport_type='core.local', scheduler_type='core.direct', workdir='/tmp'
    ).store()
    with pytest.raises(LaunchError, match='type `verdi computer configure core.local fresh`'):
        function_job_inputs(job(functions.scale, computer=fresh), {'x': 1})
    code = python_code(sys.executable, 'here')
    fresh.configure()
    with pytest.raises(LaunchError, match='`here@localhost` is not one of the computer `fresh`'):
        function_job_inputs(job(functions.scale, code=code, computer=fresh), {'x': 1})


def test_a_code_is_found_once():
    """By one step, which may launch hundreds of jobs; what was not found is looked for again."""
    with found_once():
        found = find_code(None, None)
        assert find_code(None, None) is found
        assert find_code(found[0], None)[0].uuid == found[0].uuid
        with pytest.raises(LaunchError):
            find_code(None, 'later')
        orm.Computer(
            'later', 'h', transport_type='core.local', scheduler_type='core.direct', workdir='/tmp'
        ).store().configure()
        later = find_code(None, 'later')
        assert later[1].label == 'later'
        with found_once():
            assert find_code(None, None) is not found
        assert find_code(None, None) is found
        assert find_code(None, later[1])[0].uuid == later[0].uuid
    assert find_code(None, None) is not found


@pytest.mark.slow
def test_two_processes_at_once_make_one_code(profile):
    computer = orm.Computer('race', 'h', transport_type='core.local', scheduler_type='core.direct', workdir='/tmp')
    computer.store().configure()
    script = textwrap.dedent(f"""\
        import time
        from aiida import load_profile
        load_profile({profile!r})
        from aiida_dreamflow.jobs.codes import find_code
        print('ready', flush=True)
        input()
        print(find_code(None, 'race')[0].pk)
        """)
    started = [
        subprocess.Popen([sys.executable, '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in started:
        process.stdout.readline()
    for process in started:
        process.stdin.write('\n')
        process.stdin.flush()
    assert len({process.communicate()[0] for process in started}) == 1
    query = orm.QueryBuilder().append(orm.Computer, filters={'label': 'race'}, tag='c')
    assert query.append(orm.InstalledCode, with_computer='c').count() == 1


def test_the_values_of_global_variables_are_exact(tmp_path):
    """AiiDA rounds numbers in attributes."""
    made = replace(bundle(functions.add), state=State({':X': 0.5863719680976063, ':Y': 1e-20}))
    nodes = {port: node.store() for port, node in bundle_to_nodes(made).items()}
    assert nodes_to_bundle(nodes).state == made.state
