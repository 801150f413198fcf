"""What is refused at decoration: with line, caret, reason and remedy."""

from __future__ import annotations

import linecache
import textwrap
import traceback

import pytest

from aiida_dreamflow import checkpoint, gather, submit
from aiida_dreamflow.compiler import compile_function
from aiida_dreamflow.exceptions import CompileError
from aiida_dreamflow.runtime import submit as renamed_submit

HEAD = 'async def workflow(xs):\n'


def define(source, name='workflow', filename='<refused>'):
    """Return a function with a source, as if it came from a file."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = {'submit': submit, 'gather': gather, 'checkpoint': checkpoint}
    exec(compile(source, filename, 'exec', dont_inherit=True), namespace)
    return namespace[name]


def refused(function):
    with pytest.raises(CompileError) as caught:
        compile_function(function)
    return caught.value


#: Body of an async def, what the caret points at, reason, remedy.
BY_FORM = {
    'locals': ('return [locals() for _ in [1]]', 'locals()', '`locals()` would see', 'in a dict of your own'),
    'vars': ('return [vars() for _ in [1]]', 'vars()', '`vars()` would see', 'name what you need'),
    'dir': ('x = [dir() for _ in [1]]', 'dir()', '`dir()` would see', 'name what you need'),
    'eval': (
        "return [eval('x') for _ in [1]]",
        "eval('x')",
        '`eval()` would see',
        'name what you need: `eval(code, {"x": x})`',
    ),
    'exec': (
        "x = [exec('x = 1') for _ in [1]]",
        "exec('x = 1')",
        '`exec()` would see',
        'name what you need: `exec(code, {"x": x})`',
    ),
    'super': (
        'return super().x',
        'super()',
        '`super()` without arguments needs a class around',
        'write `super(Class, self)`',
    ),
}


@pytest.mark.parametrize('name', BY_FORM)
def test_by_form(name):
    body, pointed_at, reason, remedy = BY_FORM[name]
    error = refused(define(HEAD + textwrap.indent(body, '    ')))
    assert reason in error.msg
    assert '(in workflow function `workflow`)' in error.msg
    assert remedy in error.msg
    line = (HEAD + textwrap.indent(body, '    ')).splitlines()[error.lineno - 1]
    assert line[error.offset - 1 : error.end_offset - 1] == pointed_at
    assert error.filename == '<refused>'


#: Body of a plain def that misuses submit, and what the caret points at.
PLAIN = {
    's = submit': 'submit',
    'return list(map(submit, xs))': 'submit',
    'f = lambda x: submit(g, x=x)': 'submit',
    'def inner(x):\n    return submit(g, x=x)': 'submit',
    'return submit.__name__': 'submit',
    'return [checkpoint]': 'checkpoint',
    'return [gather, 1]': 'gather',
}


@pytest.mark.parametrize('body', PLAIN)
def test_submit_in_a_plain_def(body):
    source = 'def workflow(xs):\n' + textwrap.indent(body, '    ')
    error = refused(define(source))
    name = PLAIN[body]
    assert f'in a plain `def`, `{name}` can only be called directly by the workflow function' in error.msg
    assert f'write `{name}(...)` where the result is needed, or use `async def` and `await {name}(...)`' in error.msg
    line = source.splitlines()[error.lineno - 1]
    assert line[error.offset - 1 : error.end_offset - 1] == name
    assert ('inside a nested function' in error.msg) == ('lambda' in body or 'inner' in body)


def test_submit_under_another_name_in_a_plain_def():
    def workflow():
        keep = renamed_submit
        return keep

    error = refused(workflow)
    assert '`renamed_submit` can only be called' in error.msg
    assert error.text.strip() == 'keep = renamed_submit'


def test_another_submit_is_not_ours():
    def submit(x):
        return x

    def workflow():
        keep = submit
        return keep(1)

    assert list(compile_function(workflow).awaits()) == []


def test_caret_in_an_indented_function_with_characters_that_are_not_ascii():
    class Holder:
        async def methöd(self, größe):
            é = ['äöü', *[locals() for _ in 'a']]  # fmt: skip
            return é

    error = refused(Holder.methöd)
    line = error.text
    assert line[error.offset - 1 : error.end_offset - 1] == 'locals()'
    assert line.strip().startswith('é = ')
    code = Holder.methöd.__code__
    assert error.lineno == code.co_firstlineno + 1
    shown = ''.join(traceback.format_exception_only(type(error), error))
    text, caret = shown.splitlines()[1:3]
    assert caret.index('^') == text.index('locals()')


def test_caret_with_tabs_and_decorators():
    source = 'def keep(f):\n    return f\n\nif True:\n\t@keep\n\t@keep\n\tasync def workflow(xs):\n\t\treturn [vars() for _ in xs]\n'
    error = refused(define(source))
    assert error.lineno == 8
    assert error.text[error.offset - 1 :].startswith('vars() for')


def test_caret_over_several_lines():
    error = refused(define(HEAD + '    return [g(\n        1,\n        locals(\n        ),\n    ) for _ in [1]]\n'))
    assert (error.lineno, error.offset, error.end_lineno, error.end_offset) == (4, 9, 5, 10)


def test_what_nested_functions_do_is_their_business():
    async def workflow():
        def numbers():
            yield 1
            yield from [2]

        def seen():
            x = 1
            return locals()

        class Local:
            def f(self):
                return super().__init__()

        async def stream():
            async for x in numbers():
                yield x

        await checkpoint()
        return list(numbers()), seen()

    assert len(list(compile_function(workflow).awaits())) == 1


def test_namespaces_given_are_fine():
    async def workflow(x):
        exec('y = 1', {})
        return eval('x', {'x': x}), vars(x), dir(x), super(type(x), x)

    compile_function(workflow)


# -- what is no function with a source


async def generator():
    yield 1


def plain_generator():
    yield 1


NO_FUNCTIONS = [
    (lambda: 1, 'a lambda cannot be a workflow function', 'give it a name with `def` or `async def`'),
    (len, '`len` is a builtin function', 'wrap it in a `def`'),
    ([].append, '`list.append` is a builtin function', 'wrap it in a `def`'),
    (int, '`int` is a class, not a function', 'decorate a `def` or an `async def`'),
    (5, '`5` is not a function, its type is `int`', 'decorate a `def` or an `async def`'),
    (None, '`None` is not a function', 'decorate a `def`'),
    (generator, '`generator` is a generator function', 'collect the values in a list'),
    (plain_generator, '`plain_generator` is a generator function', 'instead of `yield`'),
    (str.upper, '`str.upper` is not a function, its type is `method_descriptor`', 'decorate a `def`'),
]


@pytest.mark.parametrize(('value', 'reason', 'remedy'), NO_FUNCTIONS, ids=[case[1][:20] for case in NO_FUNCTIONS])
def test_no_function(value, reason, remedy):
    error = refused(value)
    assert reason in error.msg
    assert remedy in error.msg


def test_no_source():
    namespace = {}
    exec('async def workflow():\n    return 1\n', namespace)
    error = refused(namespace['workflow'])
    assert 'the source of `workflow` cannot be had' in error.msg
    assert 'write it in a file or in a notebook cell' in error.msg


def test_edited_source():
    function = define(HEAD + '    return 1\n', filename='<edited>')
    linecache.cache['<edited>'] = (9, None, ['x = 1\n', 'y = 2\n'], '<edited>')
    error = refused(function)
    assert 'no longer defines `workflow`: the file was edited since it was imported' in error.msg


def test_it_is_a_syntax_error():
    assert issubclass(CompileError, SyntaxError)
