"""How a job ended, told from the words of its scheduler.

AiiDA looks for some of them, in the output of SLURM only. Must not know function jobs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ('last_line_with', 'scheduler_ending')

_MEMORY = 'ERROR_SCHEDULER_OUT_OF_MEMORY'
_TIME = 'ERROR_SCHEDULER_OUT_OF_WALLTIME'
_NODE = 'ERROR_SCHEDULER_NODE_FAILURE'
_CANCELLED = 'ERROR_JOB_CANCELLED'

#: What schedulers write into the error output of a job: SLURM, PBS and Torque, LSF. The first that is found counts.
_WORDS = (
    (_MEMORY, re.compile(r'oom[-_]kill|Out Of Memory|(memory|mem) .*exceed|exceed.* memory|TERM_MEMLIMIT', re.I)),
    (_TIME, re.compile(r'DUE TO TIME LIMIT|walltime .* exceeded limit|TERM_RUNLIMIT', re.I)),
    (_NODE, re.compile(r'DUE TO NODE FAILURE', re.I)),
    (_CANCELLED, re.compile(r'\*\*\* (JOB|STEP) .* CANCELLED AT|TERM_(OWNER|ADMIN)|PBS: job killed', re.I)),
)
#: What SLURM's accounting says.
_STATES = {'OUT_OF_MEMORY': _MEMORY, 'TIMEOUT': _TIME, 'NODE_FAIL': _NODE, 'CANCELLED': _CANCELLED}
_STATUSES = {110: _MEMORY, 120: _TIME, 140: _NODE}


def scheduler_ending(stderr: str, details: Mapping[str, Any] | None, exit_status: int | None) -> str | None:
    """Return the label of the exit code for a job that its scheduler ended.

    :param stderr: what the scheduler wrote into the error output of the job.
    :param details: the detailed information on the job that AiiDA has asked the scheduler for.
    :param exit_status: the exit status that AiiDA made of these.
    :returns: the label; ``None`` if the scheduler did not end the job, or does not say so.
    """
    if exit_status in _STATUSES:
        return _STATUSES[exit_status]
    header, _, rows = str((details or {}).get('stdout') or '').partition('\n')
    row = rows.partition('\n')[0]
    state = dict(zip(header.split('|'), row.split('|'), strict=False)).get('State', '')
    if (label := _STATES.get(state.partition(' ')[0])) is not None:
        return label
    return next((label for label, words in _WORDS if words.search(stderr)), None)


def last_line_with(words: tuple[str, ...], text: str) -> str | None:
    """Return the last line of a text with one of these words; ``None`` if there is none."""
    return next((line for line in reversed(text.splitlines()) if any(word in line for word in words)), None)
