"""What importing this package adds to importing AiiDA, in milliseconds."""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
import tempfile

from measuring import interleaved, milliseconds, print_machine, print_table

MEASURE = """
import sys, time
exec(sys.argv[1])
started = time.process_time()
exec(sys.argv[2])
print(time.process_time() - started)
"""
AIIDA = 'import aiida.orm, aiida.engine'
CASES = {
    'import aiida': ('', 'import aiida'),
    'import aiida_dreamflow, after that': ('import aiida', 'import aiida_dreamflow'),
    AIIDA: ('', AIIDA),
    'from aiida_dreamflow import workflow, submit, after that': (AIIDA, 'from aiida_dreamflow import workflow, submit'),
    'the same, numpy imported before': (f'{AIIDA}, numpy', 'from aiida_dreamflow import workflow, submit'),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=9)
    options = parser.parse_args()
    print_machine()

    with tempfile.TemporaryDirectory() as folder:
        # As where it is installed: everything has its .pyc file, whatever this shell says about them.
        environment = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
        environment['PYTHONPYCACHEPREFIX'] = folder

        def measure(before: str, code: str) -> float:
            command = [sys.executable, '-c', MEASURE, before, code]
            return float(subprocess.run(command, capture_output=True, check=True, text=True, env=environment).stdout)

        measure(*list(CASES.values())[-1])  # writes them: it imports all that the others do
        found = interleaved({name: functools.partial(measure, *case) for name, case in CASES.items()}, options.rounds)
    rows = [(name, *milliseconds(times)) for name, times in found.items()]
    print_table(f'Imports, each in a Python of its own; {options.rounds} rounds', ('', 'ms', 'range'), rows)


if __name__ == '__main__':
    main()
