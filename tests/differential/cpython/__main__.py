"""Run the corpus: `python -m tests.differential.cpython [modules] --mode mixed --seed 0 --jobs 2 --report file.json`."""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .selecting import MODULES, available
from .weaving import MODES
from .working import Settings

ROOT = Path(__file__).resolve().parents[3]
VERDICTS = ('identical', 'refused', 'listed', 'slow', 'wrong', 'not applicable')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the modules asked for, print the table; 1 if any case is wrong."""
    given = _parser().parse_args(arguments)
    settings = Settings(
        given.mode, given.seed, given.only, given.share, given.inherited, given.kept_alive, given.timeout, given.keep
    )
    modules = [full for name in given.modules or MODULES for full in available(name.removeprefix('test.'))]
    results: dict[str, list[dict[str, Any]]] = {}
    cases: list[dict[str, Any]] = []
    with ThreadPoolExecutor(given.jobs) as pool:
        for module, found in zip(modules, pool.map(lambda name: _work(name, settings), modules), strict=True):
            results[module] = found
            print(_line(module, found), flush=True)
            cases = [case for found in results.values() for case in found]
            if given.report:
                report = {'python': sys.version, 'settings': asdict(settings), 'cases': cases}
                Path(given.report).write_text(json.dumps(report, indent=1))
    _print_summary(cases, given.top)
    return int(any(case['verdict'] == 'wrong' for case in cases))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m tests.differential.cpython', description=__doc__)
    parser.add_argument('modules', nargs='*', help='names such as test_dict; all of the selection by default')
    parser.add_argument('--mode', choices=MODES, default='mixed', help='where await points are woven in')
    parser.add_argument('--seed', type=int, default=0, help='chooses the places')
    parser.add_argument('--jobs', type=int, default=2, help='modules side by side')
    parser.add_argument('--only', default='', help='a regular expression for `module.Class.method`')
    parser.add_argument('--share', type=float, default=1, help='the share of the cases to run, chosen by the seed')
    parser.add_argument('--inherited', action='store_true', help='run a method in each class that inherits it')
    parser.add_argument('--kept-alive', action='store_true', help='keep local functions and classes across restarts')
    parser.add_argument('--timeout', type=float, default=60, help='seconds for one run of a case')
    parser.add_argument('--keep', default='', help='a folder to keep the woven functions in')
    parser.add_argument('--report', default='', help='a file for all verdicts, as JSON')
    parser.add_argument('--top', type=int, default=40, help='how many reasons of refusal to print')
    return parser


def _work(module: str, settings: Settings) -> list[dict[str, Any]]:
    command = [sys.executable, '-m', f'{__package__}.working', module, json.dumps(asdict(settings))]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    env = {**os.environ, 'PYTHONPATH': path, 'PYTHONHASHSEED': str(settings.seed)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"name"')]
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:]
        cases.append({'name': module, 'verdict': 'not applicable', 'reason': f'module: {"".join(said)}'})
    return cases


def _line(module: str, cases: Iterable[dict[str, Any]]) -> str:
    counts = collections.Counter(case['verdict'] for case in cases)
    return f'{module.removeprefix("test."):36}' + ''.join(f'{counts[verdict]:5} {verdict}' for verdict in VERDICTS)


def _print_summary(cases: list[dict[str, Any]], top: int) -> None:
    by_verdict = collections.defaultdict(list)
    for case in cases:
        by_verdict[case['verdict']].append(case)
    counted = len(cases) - len(by_verdict['not applicable'])
    print(f'\n{len(cases)} cases, {counted} of which pass natively when woven:')
    for verdict in VERDICTS[:-1]:
        count = len(by_verdict[verdict])
        print(f'{count:6} {verdict:10} {count / (counted or 1):7.2%}')
    reasons = collections.Counter((case['kind'], case['reason']) for case in by_verdict['refused'])
    print('\nRefused:')
    for (kind, reason), count in reasons.most_common(top):
        print(f'{count:6} {kind}: {reason}')
    listed = collections.Counter(case['listed'] for case in by_verdict['listed'])
    print('\nListed, as it cannot be had:')
    for reason, count in listed.most_common():
        print(f'{count:6} {reason}')
    print('\nWrong:')
    for case in by_verdict['wrong']:
        print(f'  {case["name"]} ({case["way"]}): {case["reason"].strip()[:160]}')


if __name__ == '__main__':
    sys.exit(main())
