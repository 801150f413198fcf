"""Mistakes of users, the code of each, and what they are told: a test provokes each, and ``docs/messages.md`` shows all.

Whoever adds a message adds a case, and runs ``python -m tests.messages``.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What every case has above it.
HEADER = """\
import asyncio
import functools
import math
from dataclasses import dataclass

import numpy as np
from aiida import engine, orm
from aiida_dreamflow import gather, job, run, sleep, submit, workflow


def f(x):
    return x


def read(path):
    with open(path) as file:
        return file.read()


def fails(x):
    return 1 / x


class Model:
    def __init__(self):
        self.k = 2.0

    def energy(self, x):
        return self.k * x

    __call__ = energy


@dataclass
class Point:
    x: float


async def helper(x):
    return x


@workflow
async def child(n: int):
    return n


@workflow
async def w(n: int, scale=1.0):
    return n * scale


def positive(n):
    return None if n > 0 else 'must be positive'


@workflow(validators=[positive])
async def counted(n: int):
    return n


def nap(seconds):
    import time

    time.sleep(seconds)


@workflow
async def waits():
    await submit(nap, seconds=300)


@workflow
async def inner(x):
    return await submit(fails, x=x)


@workflow
async def outer(x):
    return await submit(inner, x=x)


class Relax(engine.WorkChain):
    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData)
        spec.input('steps', valid_type=orm.Int, required=False)


class Volume(engine.WorkChain):
    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input('scale', valid_type=orm.Dict)
        spec.outline(cls.compute)
        spec.outputs.dynamic = True

    def compute(self):
        assert self.inputs.scale['factor'] > 0
        self.out('scale', self.inputs.scale)


@workflow
async def swells():
    return await submit(Volume, scale={'fctor': 1.0})
"""


@dataclass(frozen=True)
class Case:
    """A mistake.

    :ivar code: what the user writes.
    :ivar message: what is seen: the last line of a traceback; ``PK`` stands for a number.
    """

    code: str
    message: str


@dataclass(frozen=True)
class Chapter:
    """Mistakes of one place.

    :ivar where: `script`: the code is run by a script; `workflow`: it stands in a workflow function, and the message is
        that of the exception; `status`: it is run, and the message is the exit message of the process; `report`: it stands in a
        workflow function, and the message is the end of the report; `command`: it is typed; `empty`: it is typed where AiiDA has
        no profile; `interrupted`: it is run by a script, and Ctrl-C is typed while a job runs.
    """

    title: str
    where: str
    text: str
    cases: tuple[Case, ...]


_NOT = 'cannot become a function job'
_CALLED = (
    'it is no function but a value of type `{}`. If a function was called here, give the function itself, and its arguments '
    'by name: `submit(f, x=n)`, not `submit(f(n))`'
)
_USE = 'cannot be awaited in a workflow: an event loop does not survive a restart; use that of this package'
_OUTSIDE = (
    'can only be called while a workflow function runs: decorate the function with `@workflow` and launch it with '
    '`aiida.engine.run` or `aiida.engine.submit`, or try it with `aiida_dreamflow.testing.run_in_memory`'
)

CHAPTERS = (
    Chapter(
        'Launching',
        'script',
        'In a script, a notebook or a shell. `engine.submit` says the same as `engine.run`.',
        (
            Case('engine.run(w, n=1, m=2)', 'LaunchError: `w` has no parameter `m`; it takes `n`, `scale`'),
            Case(
                'engine.run(w, n=1, scal=2)',
                'LaunchError: `w` has no parameter `scal` (`scale`?); it takes `n`, `scale`',
            ),
            Case('engine.run(w)', 'LaunchError: `w` needs `n`, which was not given'),
            Case('engine.run(counted, n=-1)', 'LaunchError: `n` of `counted`: must be positive'),
            Case("engine.run(w, n='a')", "LaunchError: `n` of `w` takes int, got str: 'a'"),
            Case(
                "engine.run(w, n=1, metadata={'lable': 'first'})",
                'LaunchError: `metadata` of `w` has no entry `lable` (`label`?); it takes `store_provenance`, `description`, '
                '`label`, `call_link_label`, `disable_cache`',
            ),
            Case(
                "engine.run(w, n=1, scale=open('/dev/null'))",
                'CannotStoreError: cannot store an object of type `TextIOWrapper` at `scale`: an open file cannot be stored; '
                'close it before the await and open it again after, or keep its path',
            ),
            Case(
                'w(n=1)',
                'WorkflowUsageError: `w(...)` works in another workflow function only, where it is awaited; here, launch it '
                'with `aiida.engine.run(w, ...)` or `aiida.engine.submit(w, ...)`',
            ),
            Case('submit(f, x=1)', f'WorkflowUsageError: `submit` {_OUTSIDE}'),
            Case('gather(f(1))', f'WorkflowUsageError: `gather` {_OUTSIDE}'),
        ),
    ),
    Chapter(
        'What is submitted',
        'workflow',
        'In a workflow function. The traceback ends with its line.',
        (
            Case('await submit(f(1))', f'LaunchError: `1` {_NOT}: {_CALLED.format("int")}'),
            Case("await submit(print('x'))", f'LaunchError: `None` {_NOT}: {_CALLED.format("NoneType")}'),
            Case(
                'await submit(f(np.ones(2)), x=1)',
                f'LaunchError: `array([1., 1.])` {_NOT}: {_CALLED.format("ndarray")}',
            ),
            Case('await run(f(1))', f'LaunchError: `1` {_NOT}: {_CALLED.format("int")}'),
            Case('await submit.map(f(1), [1, 2])', f'LaunchError: `1` {_NOT}: {_CALLED.format("int")}'),
            Case(
                "await submit(f('abc'))",
                'LaunchError: no calculation and no workflow has the entry point `abc`: `verdi plugin list aiida.calculations` '
                'and `verdi plugin list aiida.workflows` show them all. A function is given itself, not what it returns: '
                '`submit(f, x=n)`',
            ),
            Case(
                'await submit(child(n=1))',
                'WorkflowUsageError: `submit` was given <the handle of the child `child_1`, to be awaited>: a call of a workflow submits it '
                'already, so await that, '
                '`await child(n=1)`, or give the workflow itself, `await submit(child, n=1)`',
            ),
            Case(
                'await submit(functools.partial(f, 1))',
                f'LaunchError: `<partial>` {_NOT}: it is a `functools.partial`; give all arguments there: `submit(f, 1, ...)`',
            ),
            Case(
                'await run(np.sin, 1.0)',
                f"LaunchError: `sin` {_NOT}: it is a function of numpy's, written in C; call it in one of your own: "
                '`def f(x): return np.sin(x)`',
            ),
            Case(
                'await submit(math.sqrt, 4.0)',
                f'LaunchError: `sqrt` {_NOT}: it is not written in Python, so there is no source to send; call it in a function '
                'of your own (`def`)',
            ),
            Case(
                'await submit(Model().energy, x=1)',
                f'LaunchError: `Model.energy` {_NOT}: it is a method bound to an object that stays here; write a function that '
                'takes the fields it needs',
            ),
            Case(
                'await submit(Model(), x=1)',
                f'LaunchError: `<Model>` {_NOT}: it is an object of the class `Model`, which stays here; write a function '
                '(`def`) that takes its fields, and makes a `Model` of them',
            ),
            Case(
                'await submit(Point, x=1)',
                f'LaunchError: `Point` {_NOT}: it is a class; write a function (`def`) that makes and uses the object',
            ),
            Case(
                'await submit(helper, x=1)',
                f'LaunchError: `helper` {_NOT}: it is an `async def`; write a plain `def`, or `await helper(...)` as a part of '
                'the workflow',
            ),
            Case(
                'engine.submit(child, n=1)',
                'InvalidOperation: in a workflow function, children are launched by `await submit(...)`, with `from '
                'aiida_dreamflow import submit`; `aiida.engine.submit` launches processes from outside',
            ),
            Case(
                "await submit(job(f, code='python@nowhere'), x=1)",
                'LaunchError: there is no code `python@nowhere`: `verdi code list` shows them, `verdi code create '
                'core.code.installed` makes one',
            ),
        ),
    ),
    Chapter(
        'With which arguments',
        'workflow',
        'In a workflow function, too.',
        (
            Case('await submit(f, y=1)', "TypeError: f() got an unexpected keyword argument 'y'"),
            Case('await submit(f, 1, 2)', 'TypeError: f() takes 1 positional argument but 2 were given'),
            Case('await submit(f)', "TypeError: f() missing 1 required positional argument: 'x'"),
            Case('await submit(child, m=1)', "TypeError: child() got an unexpected keyword argument 'm'"),
            Case("await submit(child, n='a')", "LaunchError: `n` of `child` takes int, got str: 'a'"),
            Case(
                "await submit(f, x=1, metadata={'options': {}})",
                "TypeError: f() got an unexpected keyword argument 'metadata'; what a job is run with belongs to the function: "
                '`job(f, metadata=...)`',
            ),
            Case(
                "await submit(job(f, metadata={'options': {'max_walltime': 60}}), x=1)",
                'LaunchError: `metadata.options` of `FunctionJob` has no entry `max_walltime`; it takes `input_filename`, ...',
            ),
            Case(
                'await submit(f, x=f)',
                'LaunchError: argument `x`: a `function` cannot be sent: only data crosses between machines; return or pass '
                'values',
            ),
            Case(
                'await submit(Relax, strcture=orm.StructureData())',
                'LaunchError: `Relax` has no input `strcture` (`structure`?); it takes `structure`, `steps`',
            ),
            Case('await submit(Relax)', 'LaunchError: `Relax` needs `structure`, which was not given'),
            Case(
                'await submit(Relax, structure=[1, 2])',
                'LaunchError: input `structure` of `Relax` takes `StructureData`, and was given a `List`',
            ),
            Case(
                "from ase.build import bulk\nawait submit(Relax, structure=bulk('Si'))",
                'LaunchError: input `structure` of `Relax` takes `StructureData`, and was given a `Atoms`; write '
                '`orm.StructureData(ase=...)`',
            ),
            Case(
                'builder = Relax.get_builder()\nbuilder.strcture = orm.StructureData()',
                'AttributeError: the builder of `Relax` has no input `strcture` (`structure`?); it takes `structure`, `steps`',
            ),
            Case(
                "scale = orm.Dict()\nfor factor in (1.0, 1.1):\n    scale['factor'] = factor\n    submit(Volume, scale=scale)",
                'WorkflowUsageError: `scale` of Volume_1 was changed after `submit`, in the same step: that child, and any other that was given this Dict, '
                'would get it as it is now. Make a node for each child, `orm.Dict(...)` inside of the loop, or give a plain value',
            ),
            Case(
                "scale = orm.Dict({'factor': 1.0})\nawait submit(Volume, scale=scale)\nscale['factor'] = 1.1",
                'ModificationNotAllowed: the attributes of a stored entity are immutable: a node that a child was given, or that an '
                'await has crossed, is stored and cannot be changed; make a new one, or keep a plain value and give that',
            ),
            Case(
                "await submit('core.arithmetic.add', code='bash@nowhere', x=1, y=2)",
                'LaunchError: there is no code `bash@nowhere`: `verdi code list` shows them, `verdi code create '
                'core.code.installed` makes one',
            ),
            Case(
                "await submit('core.arithmetic.add', x=1, y=2)",
                "LaunchError: `ArithmeticAddCalculation` needs `code`, which was not given: `code=orm.load_code('label@computer')`",
            ),
        ),
    ),
    Chapter(
        'What is awaited',
        'workflow',
        'asyncio waits on an event loop, which does not survive a restart; this package has its own.',
        (
            Case(
                "out = await submit(Volume, scale={'factor': 1.0})\nreturn out.outputs.scale",
                "AttributeError: awaiting a child gives its outputs, by name: write `out['x']`, not `out.outputs.x`",
            ),
            Case(
                'await asyncio.gather(submit(f, x=1), submit(f, x=2))',
                f'WorkflowUsageError: `asyncio.gather` {_USE}, `from aiida_dreamflow import gather`',
            ),
            Case(
                'await asyncio.sleep(1)',
                f'WorkflowUsageError: `asyncio.sleep` {_USE}, `from aiida_dreamflow import sleep`',
            ),
            Case(
                'await asyncio.wait_for(submit(f, x=1), 10)',
                f'WorkflowUsageError: `asyncio.wait_for` {_USE}, `from aiida_dreamflow import wait_for`',
            ),
            Case(
                'await asyncio.create_task(helper(1))',
                f'WorkflowUsageError: `asyncio.create_task` {_USE}, `from aiida_dreamflow import create_task`',
            ),
            Case(
                'await gather([submit(f, x=1), submit(f, x=2)])',
                'TypeError: handles, tasks and calls of `async def` functions are expected, not an object of type list; a list of '
                'them is given with a star: `gather(*handles)`',
            ),
        ),
    ),
    Chapter(
        'What has failed',
        'status',
        '`verdi process list` and `verdi process show` show the exit message, the report has the traceback of your lines.',
        (
            Case(
                'engine.run_get_node(outer, x=0)',
                'A child failed and nothing caught it: inner_1 (PK): fails_1 (PK): ZeroDivisionError: division by zero',
            ),
            Case(
                'engine.run_get_node(swells)',
                'A child failed and nothing caught it: Volume_1 (PK): ChildFailedError: Volume PK excepted: KeyError, caused by '
                "AttributeError: attribute `'factor'` does not exist; see `verdi process report PK`",
            ),
        ),
    ),
    Chapter(
        'What the report says',
        'report',
        'The end of `verdi process report`.',
        (
            Case(
                "await submit(read, path='data.txt')",
                "This was raised in function job PK. A relative path such as 'data.txt' is looked for in the folder in which the "
                'function runs, which is not that of the workflow: send what is in the file, as '
                "`orm.SinglefileData('/path/to/it')` or a value, or give the absolute path of a file on that computer.",
            ),
            Case(
                'for i in range(200_000):\n    print(i)',
                '[... left out here: this step printed 200000 lines, 1288889 characters. What is to be kept is better written to a '
                'file, or returned ...]',
            ),
            Case('submit(fails, x=0)', 'fails_1, which was not awaited, failed: ZeroDivisionError: division by zero'),
            Case('handle = submit(f, x=1)\nhandle.cancel()', ''),
        ),
    ),
    Chapter(
        'At the command line',
        'command',
        'What has no PK of a run is told from what has. `DREAMFLOW_TRACEBACK=full` shows where an error comes from.',
        (
            Case(
                'dreamflow stack JOB',
                'Error: PK is a job (`FunctionJob<fails>`), not a run of a workflow function; it belongs to inner PK: '
                '`dreamflow stack PK`',
            ),
            Case(
                'dreamflow steps JOB',
                'Error: PK is a job (`FunctionJob<fails>`), not a run of a workflow function; it belongs to inner PK: '
                '`dreamflow steps PK`',
            ),
            Case(
                'dreamflow stack STEP',
                'Error: PK is the record of a step, not a run of a workflow function; it belongs to inner PK: `dreamflow stack PK`',
            ),
            Case(
                'dreamflow fork DATA',
                'Error: PK is no process, but data of the type `Int`, not a run of a workflow function; `dreamflow list` shows '
                'the runs',
            ),
            Case(
                'dreamflow stack 999999999',
                'Error: Invalid value for PK: there is no node with `PK` in the profile `tests`; `dreamflow list` shows the runs',
            ),
            Case(
                'dreamflow stack --profile nobody RUN',
                'Error: AiiDA has no profile `nobody`: `verdi profile list` shows them',
            ),
            Case(
                'dreamflow fork --step 99 RUN',
                'Error: step PK is not recorded for inner PK: `dreamflow steps PK` shows those that are; to begin at the '
                'beginning, launch it anew',
            ),
            Case(
                'dreamflow fork RUN',
                'Error: the fork fails at once: inner PK waited for FunctionJob<fails> PK, which was killed or has failed; `retry=True` '
                '(`--retry`) launches it again, or `--edited` goes on with a source that catches it; `--no-retry` begins it nevertheless',
            ),
            Case('dreamflow check nothing.py', 'Error: Invalid value for FILE.py: there is no file `nothing.py`'),
        ),
    ),
    Chapter(
        'Without a profile',
        'empty',
        'Where AiiDA has none yet.',
        (
            Case(
                'dreamflow list',
                'Error: AiiDA has no profile here: `verdi presto` creates one, and AIIDA_PATH says where they are looked for',
            ),
            Case(
                'dreamflow stack 1234',
                'Error: AiiDA has no profile here: `verdi presto` creates one, and AIIDA_PATH says where they are looked for',
            ),
        ),
    ),
    Chapter(
        'Ctrl-C',
        'interrupted',
        'While `engine.run` waits in a script. The traceback begins at that line of the script and ends with this:',
        (
            Case(
                'engine.run(waits)',
                'plumpy.exceptions.KilledError: waits PK was killed (Ctrl-C), and with it FunctionJob<nap> PK.\n'
                '`verdi process report PK` says what it did, `dreamflow stack PK` where it was; `dreamflow fork PK --retry` goes on from '
                'there',
            ),
        ),
    ),
)
