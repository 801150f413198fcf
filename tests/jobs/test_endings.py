"""What schedulers say of the end of a job."""

from __future__ import annotations

import pytest

from aiida_dreamflow.jobs.endings import last_line_with, scheduler_ending

MEMORY = 'ERROR_SCHEDULER_OUT_OF_MEMORY'
TIME = 'ERROR_SCHEDULER_OUT_OF_WALLTIME'
NODE = 'ERROR_SCHEDULER_NODE_FAILURE'
CANCELLED = 'ERROR_JOB_CANCELLED'


@pytest.mark.parametrize(
    ('words', 'label'),
    [
        ('slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***', TIME),
        ('slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***', CANCELLED),
        ('slurmstepd: error: *** STEP 7.0 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO NODE FAILURE ***', NODE),
        ('slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch.', MEMORY),
        (
            'slurmstepd: error: Job 7 exceeded memory limit (300 > 100), being killed\n*** JOB 7 ON n1 CANCELLED AT',
            MEMORY,
        ),
        ('=>> PBS: job killed: walltime 61 exceeded limit 60', TIME),
        ('=>> PBS: job killed: mem 200kb exceeded limit 100kb', MEMORY),
        ('TERM_RUNLIMIT: job killed after reaching LSF run time limit.', TIME),
        ('TERM_MEMLIMIT: job killed after reaching LSF memory usage limit.', MEMORY),
        ('TERM_OWNER: job killed by owner.', CANCELLED),
        ('loaded module python/3.11\n', None),
    ],
)
def test_words(words, label):
    assert scheduler_ending(f'something else\n{words}\nand more', None, None) == label


@pytest.mark.parametrize(
    ('state', 'label'),
    [('TIMEOUT', TIME), ('OUT_OF_MEMORY', MEMORY), ('CANCELLED by 1001', CANCELLED), ('COMPLETED', None)],
)
def test_accounting(state, label):
    details = {'retval': 0, 'stderr': '', 'stdout': f'JobID|State|ExitCode\n7|{state}|0:0\n7.batch|FAILED|1:0\n'}
    assert scheduler_ending('', details, None) == label


def test_what_aiida_has_found_counts():
    assert scheduler_ending('*** JOB 7 ON n1 CANCELLED AT ***', None, 110) == MEMORY
    assert scheduler_ending('', {'stdout': None}, 0) is None


def test_last_line():
    assert last_line_with(('b', 'c'), 'a b\nc 1\nd') == 'c 1'
    assert last_line_with(('x',), 'a') is None
