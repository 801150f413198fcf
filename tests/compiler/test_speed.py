"""What keeps the compiler and the code that it makes fast: counts, not times."""

from __future__ import annotations

import dis
import importlib.util
import linecache

import pytest

from aiida_dreamflow import checkpoint, compiler
from aiida_dreamflow.compiler import check_function, codegen, compile_function, files
from aiida_dreamflow.compiler.bundle import bundle
from aiida_dreamflow.runtime import activation
from aiida_dreamflow.testing import run_in_memory


@pytest.fixture
def compiled(monkeypatch):
    """The names of what the compiler has had compiled."""
    seen = []

    def counting(*args, **kwargs):
        seen.append(args[1])
        return compiled(*args, **kwargs)

    compiled = codegen.compiled
    monkeypatch.setattr(codegen, 'compiled', counting)
    return seen


@pytest.fixture
def blocks_run(monkeypatch):
    """The blocks that were run."""
    seen = []
    run_block = activation.Activation.run_block

    def counting(self, handled):
        seen.append(self.block)
        return run_block(self, handled)

    monkeypatch.setattr(activation.Activation, 'run_block', counting)
    return seen


def test_all_blocks_are_compiled_at_once_and_only_once(compiled):
    def make():
        async def workflow(n):
            for i in range(n):
                if i:
                    await checkpoint()
            return n

        return workflow

    programs = {compile_function(make()) for _ in range(3)}
    assert len(programs) == 1
    assert len(compiled) == 1
    assert [run_in_memory(make(), n, restart=restart) for n in (2, 3) for restart in (True, False)] == [2, 2, 3, 3]
    assert len(compiled) == 1


def test_what_is_only_checked_is_compiled_when_it_first_runs(compiled):
    async def workflow(n):
        return await checkpoint() or n

    source = check_function(workflow)
    assert not compiled
    assert compile_function(workflow).source is check_function(workflow) is source
    assert run_in_memory(workflow, 2) == 2
    assert len(compiled) == 1


def test_a_file_is_cut_once_for_all_its_functions(tmp_path, monkeypatch):
    path = tmp_path / 'many.py'
    path.write_text(
        'def base(x: int):\n    return x\n' + ''.join(f'def f{i}(x):\n    return base(x)\n' for i in range(9))
    )
    spec = importlib.util.spec_from_file_location('many', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    counted = []
    parsed = files.parsed
    monkeypatch.setattr(files, 'parsed', lambda *args: counted.append(args) or parsed(*args))
    bundles = [
        bundle(getattr(module, f'f{i}'), annotations=annotations) for i in range(9) for annotations in (True, False)
    ]
    assert len(counted) == 2
    assert len({each.source for each in bundles}) == 9


def test_what_is_compiled_for_a_rare_state_is_compiled_once(compiled):
    async def unbound(turns):
        for _ in range(turns):
            await checkpoint()
            try:
                await checkpoint()
                later += 1  # noqa: F821
            except UnboundLocalError:
                await checkpoint()
        later = 1
        return later

    assert run_in_memory(unbound, 1, restart=False) == 1
    count = len(compiled)
    assert count > 1
    assert run_in_memory(unbound, 20, restart=False) == 1
    assert len(compiled) == count


def test_an_exception_at_an_await_is_placed_by_code_compiled_once(compiled):
    async def failing():
        raise ValueError

    async def workflow(turns):
        caught = 0
        for _ in range(turns):
            try:
                await failing()
            except ValueError:
                caught += 1
        return caught

    assert run_in_memory(workflow, 1, restart=False) == 1
    count = len(compiled)
    assert run_in_memory(workflow, 20, restart=False) == 20
    assert len(compiled) == count


def test_turns_without_await_stay_in_one_block(blocks_run):
    async def workflow(turns, every):
        total = 0
        for i in range(turns):
            total += i
            if i % every == every - 1:
                await checkpoint()
        return total

    assert run_in_memory(workflow, 1000, 2000) == sum(range(1000))
    few = len(blocks_run)
    assert few <= 3
    blocks_run.clear()
    assert run_in_memory(workflow, 10_000, 20_000) == sum(range(10_000))
    assert len(blocks_run) == few
    blocks_run.clear()
    assert run_in_memory(workflow, 1000, 100) == sum(range(1000))
    assert few < len(blocks_run) <= few + 10 * 3


def test_turns_without_await_take_their_items_natively():
    async def workflow(turns):
        total = 0
        for i, _ in enumerate(turns):
            total += i
            if i == 3:
                await checkpoint()
        return total

    codes = [block.code for block in compile_function(workflow).blocks]
    assert [instruction.opname for code in codes for instruction in dis.get_instructions(code)].count('FOR_ITER') == 1
    assert run_in_memory(workflow, range(9)) == sum(range(9))


def test_a_native_turn_sees_what_the_turn_before_unbound():
    async def workflow(turns):
        seen = []
        x = 0
        for i in range(turns):
            if i == 2:
                await checkpoint()
            try:
                seen.append(x)
                del x
            except UnboundLocalError:
                seen.append('unbound')
        return seen

    for restart in (True, False):
        assert run_in_memory(workflow, 4, restart=restart) == [0, 'unbound', 'unbound', 'unbound']


def test_no_pass_asks_each_node_more_than_a_few_times(monkeypatch):
    """Deeper nesting does not cost more than its length: answers about trees are kept with them."""

    def visits(depth):
        lines = ['async def workflow(x):']
        lines += [f'{" " * (level + 1)}while x > {level}:' for level in range(depth)]
        lines += [f'{" " * (depth + 1)}x -= await checkpoint() or 1', ' return x']
        source = '\n'.join(lines) + '\n'
        linecache.cache['<deep>'] = (len(source), None, source.splitlines(keepends=True), '<deep>')
        namespace = {'checkpoint': checkpoint}
        exec(compile(source, '<deep>', 'exec', dont_inherit=True), namespace)
        count = 0
        children = compiler.trees.children

        def counting(node):
            nonlocal count
            count += 1
            return children(node)

        with monkeypatch.context() as patch:
            for module in (compiler.trees, compiler.mentions):
                patch.setattr(module, 'children', counting)
            compile_function(namespace['workflow'])
        return count

    assert visits(16) < 2.5 * visits(8)


#: Functions with lines that are indented less than their `def`, or not at all.
SHAPES = {
    'text': 'if 1:\n    async def workflow(\n    x,\n    ):\n        return """\nleft\n""" + x\n\n# comment\ny = 1\n',
    'text at the end': 'async def workflow(x):\n    y = x\n    """\nunindented\n    """\n    return y\nz = 1\n',
    'comment': 'if 1:\n    async def workflow(x):\n# comment\n        return x\n# more\n    y = 1\n',
    'continued': 'if 1:\n    async def workflow(x):\n        return x + \\\nx\n    y = 1\n',
    'one line': 'async def workflow(x): return x\nasync def other(x): return None\n',
    'decorated': 'def keep(n):\n    return lambda f: f\n@keep(\n1,\n)\nasync def workflow(x):\n    return x\n',
    'last text': 'if 1:\n    async def workflow(x):\n        return x\n        """\nleft\n"""\n    y = 1\n',
    'end': 'async def workflow(x):\n    return x',
}


@pytest.mark.parametrize('name', SHAPES)
def test_lines_of_a_function(name):
    source = SHAPES[name]
    filename = f'<shape {name}>'
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = {}
    exec(compile(source, filename, 'exec', dont_inherit=True), namespace)
    function = namespace['workflow']
    found = compile_function(function).source
    assert found.node.name == 'workflow'
    assert max(found.lines) == found.node.end_lineno
    assert found.lines[found.node.lineno].strip().startswith('async def workflow')
    coroutine = function('x')
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert run_in_memory(function, 'x') == stop.value.value
