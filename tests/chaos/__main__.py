"""``make chaos SECONDS=600``, or ``python -m tests.chaos --seconds 600 --pair postgresql``.

Keeps some workflows going under a daemon that is attacked all the time, and says at the end what was done, how long it
took to recover, and what is wrong: nothing, one hopes. The exit status says whether that is so.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent.parent / 'examples'), str(_HERE.parent)]


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(prog='python -m tests.chaos', description=__doc__)
    parser.add_argument('--seconds', type=float, default=60.0, help='how long to attack')
    parser.add_argument('--pair', choices=('sqlite', 'postgresql'), default='sqlite', help='database and broker')
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--workflows', type=int, default=6, help='how many at once')
    parser.add_argument('--pause', type=float, default=1.0, help='seconds between two attacks, on average')
    parser.add_argument('--patience', type=float, default=180.0, help='seconds for everything to end afterwards')
    parser.add_argument(
        '--keep', type=Path, help='a folder that does not exist: for what is left if something is wrong'
    )
    parser.add_argument('--seed', type=int, default=secrets.randbelow(10**6))
    arguments = parser.parse_args()
    print(f'seed {arguments.seed}', flush=True)

    import throwaway

    with tempfile.TemporaryDirectory(prefix='dreamflow-chaos-') as folder, contextlib.ExitStack() as at_end:
        throwaway.use_folder(Path(folder))
        from chaos.places import new_profile

        _, servers = new_profile(arguments.pair, Path(folder), at_end)
        return _attack(arguments, Path(folder), servers)


def _attack(arguments: argparse.Namespace, folder: Path, servers: Any) -> int:
    from chaos.agent import Agent, be_patient
    from chaos.running import Running

    import throwaway

    lot = random.Random(arguments.seed)
    with throwaway.running_daemon(workers=arguments.workers) as client:
        be_patient()
        running = Running(folder)
        running.measure()
        agent = Agent(client, arguments.workers, lot, servers)
        begin = time.monotonic()
        end, attack = begin + arguments.seconds, begin
        while (now := time.monotonic()) < end:
            running.keep(arguments.workflows)
            agent.watch()
            if now > attack and agent.is_worth_it():
                agent.act()
                attack = time.monotonic() + lot.expovariate(1 / arguments.pause)
            time.sleep(0.1)
        stopped = time.monotonic()
        while (running.going or running.unsealed()) and time.monotonic() < stopped + arguments.patience:
            agent.watch()
            running.keep(0)
            time.sleep(0.2)
        last = time.monotonic() - stopped
        wrong = running.violations()
        if wrong and arguments.keep is not None:
            shutil.copytree(folder, arguments.keep, symlinks=True, ignore_dangling_symlinks=True)
    _tell(agent, running, last, wrong)
    return bool(wrong)


def _tell(agent: Any, running: Any, last: float, wrong: list[str]) -> None:
    kills = agent.done['SIGKILL']
    print(f'{kills} workers killed, {agent.effective} of them at work', end='; ')
    print(', '.join(f'{count} {what}' for what, count in sorted(agent.done.items()) if what != 'SIGKILL'))
    print(
        f'{len(running.ended)} workflows ended, {len(running.going)} did not; the last, and the last seal of a job, '
        f'{last:.1f} s after the last attack'
    )
    if times := sorted(agent.recoveries):
        late = sum(seconds > 10.0 for seconds in times)
        print(
            f'taken over by another worker: {len(times)} processes, median {statistics.median(times):.1f} s, '
            f'95 % within {times[int(0.95 * (len(times) - 1))]:.1f} s, max {times[-1]:.1f} s, {late} later than 10 s'
        )
    print(f'never taken over: {agent.unrecovered}' if agent.unrecovered else 'all taken over')
    print(f'{running.folders} folders retrieved twice (AiiDA stores them before it links them)')
    print(f'{len(wrong)} violations', *wrong, sep='\n  ')


if __name__ == '__main__':
    sys.exit(main())
