"""Frames one after the other: what is kept of the last one is what the live values are, whatever was done to them.

Random programs over lists that grow, aliases of them and of what is in them, arrays and views, and a list outside of the
frame. At each await the frame, read back, is the live state: same values, same types, same aliases.
"""

from __future__ import annotations

import enum
import json
import linecache
import textwrap
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st
from values.graphs import assert_same_graph, examples

from aiida_dreamflow import checkpoint, create_task
from aiida_dreamflow.runtime import Machine, Suspended
from aiida_dreamflow.testing.memory import _MemoryHost
from aiida_dreamflow.values import parts
from aiida_dreamflow.values.frame import FrameWriter, load_frame

#: Refers to objects of the frame from outside of it.
KEPT: list = []


@pytest.fixture(autouse=True, scope='module')
def _large_arrays_are_quick():
    """What is done with large arrays is done with some of 8 kB here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, '_LARGE_ARRAY', 8000)
        yield


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


@dataclass
class Thing:
    a: object
    b: object


class Pair(NamedTuple):
    a: object
    b: object


VARIABLES = 'a b c d e x y t add it array view'.split()

STATEMENTS = [
    # lists, long ones
    'a.append(i)',
    'b.append([i])',
    'c.append({"i": [i]})',
    'a.extend(range(40))',
    'a += [[n] for n in range(40)]',
    'b += [n / 8 for n in range(300)]',
    'b.extend([[n] for n in range(40)])',
    'c.extend((n, [n]) for n in range(70))',
    'a[5] = -i',
    'a[5].append(i)',
    'b[-1].append(i)',
    'c[40]["i"] = i',
    'c[40][1].append(i)',
    'del a[10:20]',
    'del b[-5:]',
    'a.insert(3, "x")',
    'b.sort(key=repr)',
    'c.reverse()',
    'a.clear()',
    'a = a[:50]',
    'b = list(a)',
    'c = [*b, *a]',
    # aliases
    'b = a',
    'x = a[5]',
    'x = a[-1]',
    'y = c[40]',
    'x.append(i)',
    'y["i"] = i',
    't = (a, x)',
    't[0].append(i)',
    'd["a"] = a',
    'd["a"][0] = i',
    'd["a"].append([i])',
    'd[i] = x',
    'e[0].append(i)',
    'e = [a, b]',
    'e = [[], a]',
    'a[0] = b',
    'b.append(b)',
    'a, b = b, a',
    # items of several lists
    'a = [[n] for n in range(90)]',
    'a.extend([np.arange(3.0) + n for n in range(40)])',
    'a += [np.float64(n) for n in range(40)]',
    'b.extend(a[:150])',
    'c.extend(b[:150])',
    'c = a + b',
    'b = a[::-1]',
    'a.extend([x] * 40)',
    'a.append(array)',
    'b.append(array)',
    'x = b[70]',
    'a[70][0] = -i',
    'b[95][0] = -i',
    'view = a[60][:2]',
    # what others refer to inside of items, and objects
    'b.extend({"x": item, "n": i} for item in a[:150])',
    'c.extend((i, item) for item in a[:150])',
    'c.extend({"x": item, "of": [item, x]} for item in b[:150])',
    'a.extend({"base": array, "n": n} for n in range(70))',
    'b.extend({"base": d, "n": [n]} for n in range(70))',
    'b.extend({"view": view, "n": [n]} for n in range(70))',
    'a.extend(Thing(n, [n]) for n in range(70))',
    'b.extend(Thing(item, x) for item in a[:150])',
    'c.extend(Pair(n, x) for n in range(70))',
    'b.extend(Pair(Thing(i, [n]), [n]) for n in range(70))',
    'a.append(Thing(i, x))',
    'b.append({"x": a[70]})',
    'x = b[70]["x"]',
    'x = c[70][1]',
    'x = a[70].b',
    'x = a[70]',
    'd[i] = b[75]["x"]',
    'a[70].b = i',
    'a[75].b.append(i)',
    'b[70]["x"][0] = i',
    'b[71].a.b = i',
    'KEPT.append(c[70][1])',
    'KEPT.append(b[70]["x"])',
    'a = [Thing(i, [i])] * 80',
    # bound methods and iterators
    'add = a.append',
    'add(i)',
    'add([i])',
    'it = iter(a)',
    'x = next(it)',
    'it = iter(b)',
    # arrays
    'array[3] = i',
    'array += 1',
    'array = array.copy()',
    'array = np.arange(1_000.0)',
    'view = array[:10]',
    'view[0] = -i',
    'view = np.arange(10)',
    'x = array',
    # from outside
    'KEPT.append(a)',
    'KEPT.append(c)',
    'KEPT.append(x)',
    'KEPT.append(array)',
    'KEPT[-1].append(i)',
    'KEPT[-1][0] = i',
    'KEPT[0][40]["i"] = i',
    'KEPT[0][5].append(i)',
    'KEPT.clear()',
    'add = KEPT[0].append',
    # from a function inside
    'grow(i)',
    'grow([i])',
    'a.extend({"of": colour, "n": n} for n in range(70))',
    'b.extend(Thing(colour, n) for n in range(70))',
]


@st.composite
def sources(draw):
    """The source of a function that awaits, and does something or nothing to its variables in between."""
    lines = [f'    {name} = {value}' for name, value in zip(VARIABLES, _first_values())]
    lines += ['    g, colour = [], Colour.RED', '    def grow(item):', '        g.append(item)']
    for number in range(draw(st.integers(3, 12))):
        statements = draw(st.lists(st.sampled_from(STATEMENTS), max_size=3))
        turns = draw(st.sampled_from((1, 1, 1, 4)))
        lines.append(f'    for i in range({100 * number}, {100 * number + turns}):')
        for statement in statements:
            lines += [
                '        try:',
                f'            {statement}',
                '        except (TypeError, LookupError, ValueError):',
            ]
            lines += ['            pass', '        except (AttributeError, StopIteration):', '            pass']
        lines.append('        await checkpoint()')
    lines.append(f'    return [{", ".join(VARIABLES)}, g, grow, colour]')
    return '\n'.join(['async def program():', *lines, ''])


def _first_values():
    return ('[]', 'list(range(100))', '[{"i": [n]} for n in range(100)]', '{}', '[[]]', '[]', '{}', '()') + (
        'a.append',
        'iter(b)',
        'np.arange(1_000.0)',
        'array[:5]',
    )


def made(source):
    """Return the function of a source."""
    filename = f'<parts {hash(source)}>'
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = {
        'checkpoint': checkpoint,
        'np': np,
        'KEPT': KEPT,
        'Thing': Thing,
        'Pair': Pair,
        'Hostile': Hostile,
        'Colour': Colour,
        '__name__': __name__,
    }
    exec(compile(source, filename, 'exec'), namespace)
    return namespace['program']


def live(machine):
    """Return the values of all variables of a machine."""
    return [act.values() for act in machine.activations().values()]


class Run:
    """A function, step by step, with a frame after each, as the engine does it."""

    def __init__(self, function):
        self.host = _MemoryHost()
        self.machine = Machine(self.host)
        self.machine.start(function, (), {})
        self.codecs = [Own(function)]
        self.files = parts.MemoryFiles()
        self.writer = FrameWriter(self.codecs, self.files)

    def step(self):
        """Make a step; returns its stored frame, ``None`` if it was the last."""
        if not isinstance(self.machine.step(), Suspended):
            return None
        frame = self.writer.store(self.machine)
        # A record names these files; others may be gone.
        for sha in self.files.keys() - frame.files:
            del self.files[sha]
        return json.loads(json.dumps(frame.document))

    def loaded(self, document, writer=None):
        """Return the machine that a frame stands for."""
        return load_frame(document, self.files.__getitem__, self.host, self.codecs, writer)

    def restart(self, document):
        """Go on as another worker does."""
        self.writer = FrameWriter(self.codecs, self.files)
        self.machine = self.loaded(document, self.writer)


class Own(parts.Codec):
    """The function itself, and what it uses from outside of the frame."""

    name = 'own'

    def __init__(self, function):
        self.function = function

    def encode(self, value, ref):
        return 0 if value is self.function else None

    def decode(self, content, get):
        return self.function


@examples(20)
@given(sources(), st.sets(st.integers(0, 30), max_size=3))
def test_a_frame_is_the_live_state(source, restarts):
    KEPT.clear()
    note(source)
    run = Run(made(source))
    number = 0
    while (document := run.step()) is not None:
        again = run.loaded(document)
        assert_same_graph(live(run.machine), live(again))
        assert memory(run.machine) == memory(again)
        if number in restarts:
            run.restart(document)
            event('restarted')
        number += 1
    KEPT.clear()


def memory(machine):
    """Return which of the arrays share memory."""
    arrays = [value for values in live(machine) for value in values.values() if type(value) is np.ndarray]
    return [[np.shares_memory(one, other) for one in arrays] for other in arrays]


FORGOTTEN = """
async def program():
    array = np.arange(1_000.0)
    view = array[:5]
    array = array.copy()
    await checkpoint()
    view = array[:10]  # now both are one snapshot, and the file of the array is not needed
    await checkpoint()
    array = array.copy()  # by itself again, with the same bytes
    await checkpoint()
    return array, view
"""


def test_a_file_that_a_frame_did_not_name_is_written_again():
    run = Run(made(FORGOTTEN))
    for _ in range(3):
        document = run.step()
        assert_same_graph(live(run.machine), live(run.loaded(document)))
    assert run.step() is None


async def _growing(step):
    own = [*range(1000)]
    while True:
        await checkpoint()
        yield step
        own.append(step)
        yield own[1000:]


async def _in_turn():
    """A generator goes on in one task and in another, and waits at last where it was before."""
    one, other = _growing(1), _growing(2)

    async def drive():
        return await anext(one)

    seen = [await anext(one)]
    for _ in range(3):
        seen.append(await create_task(drive()))
        seen.append((await anext(one), await anext(other), await anext(other)))
    return seen


def _finished(machine):
    while isinstance(outcome := machine.step(), Suspended):
        pass
    return outcome.value


def test_asynchronous_generators_go_on_from_every_frame():
    run = Run(_in_turn)
    documents = []
    for _ in range(7):
        documents.append((run.step(), dict(run.files)))
    expected = _finished(run.machine)
    assert expected == [1, [1], (1, 2, [2]), [1, 1], (1, 2, [2, 2]), [1, 1, 1], (1, 2, [2, 2, 2])]
    for document, files in documents:
        run.files.update(files)
        assert _finished(run.loaded(document)) == expected


SHARING = """
async def program():
    best, {lists} = None, {empty}
    for i in range(200):
        item = {item}
        {append}
        if i % 7 == 0:
            best = {first}[i // 2]
        await checkpoint()
    return best, {lists}
"""


def assert_flat(source, first, second, ratio):
    """What a step stores is the same in the second range of turns as in the first, and comes back; with a restart between.

    :param ratio: how much more it may be, as chunks grow and are joined now and then; a list stored whole would cost more.
    """
    run = Run(made(source))
    written, sizes, known = [], [], set()
    while (document := run.step()) is not None:
        sizes.append(len(json.dumps(document)))
        written.append(sum(len(run.files[sha]) for sha in run.files.keys() - known))
        known |= run.files.keys()
        if len(written) in (second.start, second.stop):
            assert_same_graph(live(run.machine), live(run.loaded(document)))
        if len(written) == first.stop + 10:
            run.restart(document)
    assert sum(sizes[second.start : second.stop]) < 1.15 * sum(sizes[first.start : first.stop])
    assert sum(written[second.start : second.stop]) < ratio * sum(written[first.start : first.stop])


@pytest.mark.parametrize('item', ['np.full(150, i)', 'np.float64(i)', '[i, "text"]'])
@pytest.mark.parametrize('names', ['a', 'a b'])
def test_items_that_others_refer_to(item, names):
    """What a step stores does not grow with a list of which another variable, or another list, has items as well."""
    lists = names.split()
    source = SHARING.format(
        item=item,
        first=lists[0],
        lists=', '.join(lists),
        empty=', '.join('[]' for _ in lists),
        append='; '.join(f'{name}.append(item)' for name in lists),
    )
    assert_flat(source, range(70, 100), range(170, 199), 1.4)


WITHIN = """
async def program():
    base, xs, h = np.arange(5.0), [], []
    def grow(item):
        h.append(item)
    for i in range(131):
        x = np.full(20, i)
        {statements}
        del x
        await checkpoint()
    return base, xs, h, grow
"""


@pytest.mark.parametrize(
    'statements',
    [
        'h.append({"x": base, "n": i})',
        'xs.append(x); h.append({"x": x, "n": [i]})',
        'xs.append(x); h.append((i, x))',
        'h.append(Thing(i, [i]))',
        'xs.append(x); h.append(Thing(x, base))',
        'h.append(Pair(Thing(x, i), "text"))',
        'grow({"x": base, "n": i})',
        'grow(Thing(x, base))',
        'h.append({"of": Colour.GREEN, "n": [i]})',
    ],
)
def test_what_others_refer_to_inside_of_items(statements):
    """Nor with a list of objects, or with one whose items hold what a variable or another list holds as well, nor in a closure."""
    assert_flat(WITHIN.format(statements=statements), range(66, 98), range(98, 130), 1.2)


class Hostile(Thing):
    """Says how it is pickled, so nobody else can know what it holds."""

    def __reduce__(self):
        return Hostile, (self.a, self.b)


@pytest.mark.parametrize('item', ['Hostile(x, i)', 'array[:3]', '{(1, 2): x}', '[iter(xs)]'])
def test_items_that_cannot_be_looked_into(item):
    source = f"""
    async def program():
        x, xs, array = [], [1], np.arange(9.0)
        h = [{item} for i in range(100)]
        for i in range(3):
            await checkpoint()
            x.append(i)
            h.append({item})
        return x, xs, array, h
    """
    run = Run(made(textwrap.dedent(source)))
    while (document := run.step()) is not None:
        assert_same_graph(live(run.machine), live(run.loaded(document)))


def test_two_equal_lists_of_the_same_items():
    source = """
    async def program():
        a = [[n] for n in range(90)]
        await checkpoint()
        b = list(a)
        await checkpoint()
        return a, b
    """
    run = Run(made(textwrap.dedent(source)))
    while (document := run.step()) is not None:
        assert_same_graph(live(run.machine), live(run.loaded(document)))
