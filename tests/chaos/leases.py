"""Who holds the leases, as Linux knows it."""

from __future__ import annotations

from pathlib import Path

from aiida_dreamflow.jobs.lease import lease_folder

__all__ = ('holders',)


def holders() -> dict[int, int]:
    """Return the pid of the worker that runs a process, by the pk of the process."""
    by_inode = {}
    for path in lease_folder().glob('*.lock'):
        try:
            by_inode[path.stat().st_ino] = int(path.stem)
        except FileNotFoundError:
            continue
    found = {}
    for line in Path('/proc/locks').read_text().splitlines():
        # 1: FLOCK  ADVISORY  WRITE 4711 08:02:131074 0 EOF
        words = line.split()
        if words[1] == 'FLOCK' and (pk := by_inode.get(int(words[5].rpartition(':')[2]))) is not None:
            found[pk] = int(words[4])
    return found
