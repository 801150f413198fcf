"""Function jobs on a cluster: SLURM behind SSH, another user, a Python that has neither AiiDA nor numpy."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import jobs.cluster_functions as functions
import pytest
from aiida import engine, orm
from jobs.test_remote import interpreters

from aiida_dreamflow import gather, submit, workflow
from aiida_dreamflow.exceptions import ChildFailedError
from aiida_dreamflow.jobs import remote
from aiida_dreamflow.jobs.calculation import FunctionJob
from aiida_dreamflow.jobs.launch import function_job_inputs, job, job_outcome
from aiida_dreamflow.values.nodes import from_node

pytestmark = pytest.mark.servers


@pytest.fixture(scope='module', autouse=True)
def cluster(daemon, slurm):
    """The cluster as AiiDA computers: one for each transport, one with a small disk.

    `core.ssh_async` wants a broker, also for a job that is run here: ZeroMQ's runs with the daemon.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('HOME', str(slurm.ssh_home))  # where the transports look for the SSH configuration
        of_ssh = {
            'username': slurm.user,
            'port': slurm.port,
            'key_filename': str(slurm.key),
            'key_policy': 'AutoAddPolicy',
            'look_for_keys': False,
            'allow_agent': False,
        }
        _computer(slurm, 'ssh', 'core.ssh', **of_ssh)
        _computer(slurm, 'async', 'core.ssh_async', host=slurm.host_alias)
        _computer(slurm, 'small', 'core.ssh_async', 'small/work', host=slurm.host_alias)
        yield slurm


def _computer(slurm, label, transport, folder='work', **options):
    computer = orm.Computer(
        label, '127.0.0.1', transport_type=transport, scheduler_type='core.slurm', workdir=str(slurm.home / folder)
    ).store()
    computer.configure(safe_interval=0, **options)
    computer.set_minimum_job_poll_interval(0)
    computer.set_default_mpiprocs_per_machine(1)


def run(function, *, options=None, computer='async', code=None, **arguments):
    resources = {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
    metadata = {'options': {'resources': resources, 'max_wallclock_seconds': 120, **(options or {})}}
    target = job(function, code=code, computer=computer, metadata=metadata)
    process_class, inputs = function_job_inputs(target, arguments)
    return engine.run_get_node(process_class, **inputs)[1]


def assert_fails(node, label, words, error=ChildFailedError):
    code = FunctionJob.exit_codes[label]
    assert (node.exit_status, code.invalidates_cache) == (code.status, True), node.exit_message
    with pytest.raises(error, match=words) as caught:
        job_outcome(node)
    return caught.value


@pytest.mark.parametrize('computer', ['async', 'ssh'])
def test_options_reach_the_scheduler_and_stdout_is_kept(slurm, computer):
    options = {
        'queue_name': 'other',
        'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1, 'num_cores_per_mpiproc': 2},
        'prepend_text': 'export GREETING=hello',
        'custom_scheduler_commands': '#SBATCH --nice=7',
    }
    node = run(functions.surroundings, computer=computer, options=options, x=3)
    result = job_outcome(node)
    assert (result['x'], result['user'], result['greeting'], result['has']) == (3, slurm.user, 'hello', [])
    shown = {key: result['job'][key] for key in ('Partition', 'TimeLimit', 'NumCPUs', 'Nice')}
    assert shown == {'Partition': 'other', 'TimeLimit': '00:02:00', 'NumCPUs': '2', 'Nice': '7'}
    assert node.outputs.retrieved.base.repository.get_object_content('stdout') == 'computing with 3\n'


@pytest.mark.parametrize('computer', ['async', 'ssh'])
def test_files(computer, tmp_path):
    (tmp_path / 'deep' / 'er').mkdir(parents=True)
    (tmp_path / 'deep' / 'er' / 'b').write_bytes(b'22')
    (tmp_path / 'a').write_bytes(b'1')
    single = orm.SinglefileData.from_bytes(b'333', filename='c.txt')
    node = run(functions.sizes, computer=computer, single=single, folder=orm.FolderData(tree=tmp_path))
    assert job_outcome(node) == {'c.txt': 3, 'a': 1, 'b': 2}
    assert not [name for name in node.base.repository.list_object_names() if 'files' in name]


@pytest.mark.parametrize('computer', ['async', 'ssh'])
def test_files_come_back(computer):
    outputs, node = engine.run_get_node(writes_files, computer=computer)
    assert node.is_finished_ok, node.exit_message
    assert (outputs['single'].filename, outputs['single'].get_content()) == ('b', '22')
    assert outputs['folder'].base.repository.get_object_content('deep/b') == '22'


@workflow
async def writes_files(computer: str):
    write = job(functions.writes_files, computer=computer)
    single, folder = await gather(submit(write, path='made/deep/b'), submit(write, path='made'))
    return {'single': single, 'folder': folder}


@workflow
async def adds_up(computer: str, n: int):
    total = 0
    for x in range(n):
        total = await submit(job(functions.add, computer=computer), x=x, y=total)
    return total


@pytest.mark.daemon
def test_workflow_under_the_daemon():
    node = engine.submit(adds_up, computer='ssh', n=2)
    end = time.monotonic() + 120
    while not node.is_terminated and time.monotonic() < end:
        time.sleep(0.2)
    assert node.is_finished_ok, (node.process_state, node.exit_message)
    assert node.outputs.result.value == 1


def python_of(slurm, version):
    """A code for a Python of that version which the remote user can run."""
    for found in interpreters(version):
        asked = subprocess.run(
            [found, '-c', 'import sys; print(sys.base_prefix)'], capture_output=True, text=True, check=False
        )
        folder = slurm.show(Path(asked.stdout.strip())) if asked.returncode == 0 else None
        if folder is not None:
            return orm.InstalledCode(
                computer=orm.load_computer('async'),
                filepath_executable=str(folder / 'bin' / f'python{version}'),
                label=f'python{version}',
                prepend_text=f'export LD_LIBRARY_PATH={folder}/lib',
            ).store()
    pytest.skip(f'there is no Python {version} here')


@pytest.mark.optional
@pytest.mark.parametrize('version', ['3.8', '3.9'])
def test_old_pythons_are_enough(slurm, version):
    node = run(functions.version, code=python_of(slurm, version), x={'a': (1, b'2')})
    assert job_outcome(node) == (tuple(map(int, version.split('.'))), {'a': (1, b'2')})


@pytest.mark.optional
@pytest.mark.parametrize('version', ['3.6', '3.7'])
def test_too_old(slurm, version):
    node = run(functions.version, code=python_of(slurm, version), x=1)
    assert_fails(node, 'ERROR_PYTHON_TOO_OLD', 'older than 3.8.*code=')


@workflow
async def maps(computer: str, options: dict):
    metadata = {'options': {'max_wallclock_seconds': 120, **options}}
    return {'found': await submit.map(job(functions.where, computer=computer, metadata=metadata), range(6))}


@pytest.mark.parametrize('computer', ['async', 'ssh'])
def test_map_uses_the_cores_that_it_was_given(computer):
    resources = {'num_machines': 1, 'num_mpiprocs_per_machine': 1, 'num_cores_per_mpiproc': 2}
    outputs, node = engine.run_get_node(maps, computer=computer, options={'resources': resources})
    assert node.is_finished_ok, node.exit_message
    found = from_node(outputs['found'])
    assert [x for x, _ in found] == list(range(6))
    assert len({pid for _, pid in found}) == 2


def test_mpi(slurm):
    """Two processes at a time, started by the scheduler; the result is that of the first."""
    orm.load_computer('ssh').set_mpirun_command(['srun', '--overlap', '-n', '{tot_num_mpiprocs}'])
    options = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 2}, 'withmpi': True}
    assert job_outcome(run(functions.meets, computer='ssh', options=options, n=2)) == [0, 1]


MODULES = Path('/usr/share/modules/init/bash')  # of Debian's package `environment-modules`


def test_environment_module(slurm):
    """Environment Modules, as most clusters have them, in the text before the job; a code has a module of its own."""
    assert MODULES.exists(), 'environment-modules is not installed'
    slurm.run("mkdir -p modules && printf '#%%Module\\nsetenv FROM_MODULE loaded\\n' > modules/science")
    prepared = f'. {MODULES}\nmodule use {slurm.home}/modules'
    options = {'prepend_text': f'{prepared}\nmodule load science'}
    assert job_outcome(run(functions.variable, options=options, name='FROM_MODULE')) == 'loaded'
    options = {'prepend_text': f'{prepared}\nmodule load nonsense'}
    node = run(functions.variable, options=options, name='FROM_MODULE')
    assert 'nonsense' in node.outputs.retrieved.base.repository.get_object_content('_scheduler-stderr.txt')


def test_out_of_time():
    node = run(functions.ends_now)
    assert_fails(node, 'ERROR_SCHEDULER_OUT_OF_WALLTIME', r'out of time \(it had 120 s\).*max_wallclock_seconds')


@workflow
async def maps_too_long():
    target = job(functions.lasts, computer='async', metadata={'options': {'max_wallclock_seconds': 120}})
    return {'found': [str(each) for each in await submit.map(target, range(3), return_exceptions=True)]}


def test_out_of_time_with_some_items_done():
    outputs, node = engine.run_get_node(maps_too_long)
    assert outputs['found'][:2] == ['0', '1']
    assert 'out of time (it had 120 s)' in outputs['found'][2]
    assert [job.exit_status for job in node.called] == [120]


def test_out_of_memory():
    node = run(functions.fills_memory, megabytes=300)
    assert_fails(node, 'ERROR_SCHEDULER_OUT_OF_MEMORY', 'out of memory.*max_memory_kb')


def test_cancelled():
    assert_fails(run(functions.cancels_itself), 'ERROR_JOB_CANCELLED', 'cancelled on the computer.*while it ran')


def test_cancelled_before_it_began(slurm):
    def cancel():
        slurm.run('until squeue -h -t PD -o %i | xargs -r scancel -v 2>&1 | grep -q Terminat; do sleep 0.2; done')

    cancelling = threading.Thread(target=cancel)
    cancelling.start()
    node = run(functions.sleep, options={'custom_scheduler_commands': '#SBATCH --hold'}, seconds=0)
    cancelling.join()
    assert_fails(node, 'ERROR_JOB_CANCELLED', 'before it began')


def test_no_python():
    computer = orm.load_computer('async')
    code = orm.InstalledCode(computer=computer, filepath_executable='/nowhere/python3', label='nowhere').store()
    assert_fails(run(functions.sleep, code=code, seconds=0), 'ERROR_PYTHON_MISSING', '/nowhere/python3.*code=')


def test_no_numpy():
    assert_fails(run(functions.scaled, x=[1]), 'ERROR_MODULE_MISSING', 'no module `numpy`: install it there')


@pytest.mark.parametrize('size', [2 * 10**6, 2 * 10**4])
def test_disk_full_for_the_result(slurm, size):
    assert slurm.has_small_disk, 'no small disk could be mounted'
    if size < 10**6:
        slurm.run('head --bytes 850K /dev/zero > small/filler')
    try:
        node = run(functions.text_of, computer='small', size=size)
    finally:
        slurm.run('rm -rf small/filler small/work')
    if size > 10**6:
        assert_fails(node, 'ERROR_DISK_FULL', 'No space left on device.*work_dir')
    else:
        assert len(job_outcome(node)) == size


def test_disk_full_while_the_function_writes(slurm):
    node = run(functions.writes, computer='small', size=2 * 10**6)
    slurm.run('rm -rf small/work')
    error = assert_fails(node, 'ERROR_DISK_FULL', 'No space left', OSError)
    assert 'make room there' in error.__notes__[-1]


def test_result_too_large(monkeypatch):
    monkeypatch.setattr(remote, 'MAX_RESULT', 1000)
    node = run(functions.text_of, size=2000)
    assert_fails(node, 'ERROR_RESULT_TOO_LARGE', r'has 20\d\d bytes, and 1000 is the most.*return the path')
    assert len(job_outcome(run(functions.text_of, size=500))) == 500
