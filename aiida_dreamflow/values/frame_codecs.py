"""The codecs for what only a frame contains: functions made inside functions, awaitables, recipes."""

from __future__ import annotations

import ast
import importlib
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeGuard, TypeVar

from ..compiler import Program, compile_called, compile_function
from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import CannotStoreError, CompileError, FrameError
from ..runtime import Activation, Agenda, Awaitable, Handle, Host, Kept, Recipe
from ..runtime.coroutines import call_in, ended, waiting
from ..runtime.recipes import try_out
from ..runtime.tracebacks import module_of, rebuilt, span_of
from .definitions import closure_of, complete, parts_of
from .edits import Edits, placed
from .references import has_name
from .snapshot import Codec, Staged

__all__ = (
    'FunctionCodec',
    'KeptCodec',
    'RecipeCodec',
    'RecipeValueCodec',
    'TracebackCodec',
    'is_awaitable',
)

Ref = Callable[[object], Any]
Get = Callable[[Any], Any]


class FunctionCodec(Codec):
    """Functions that no name leads to.

    A workflow function: its name leads to the process class that the decorator made. A function made inside of a
    function of the frame: by the place of its code in the program, with its cells.
    """

    name = 'function'
    kinds = (type, types.FunctionType)

    def __init__(self, activations: Iterable[Activation], edits: Edits | None = None) -> None:
        self._edits = edits
        self._owners = list({id(each.function): each.function for each in activations}.values())

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a function of these kinds.

        :raises CannotStoreError: if the workflow has made it, or a class, under a global name: a restart brings back no module.
        """
        if _is(value, type):
            self._require_not_global(value, [*filter(_is_function, vars(value).values())])
        if type(value) is not types.FunctionType:
            return None
        if _workflow_function(value.__module__, value.__qualname__) is value:
            return {'workflow': [value.__module__, value.__qualname__]}
        self._require_not_global(value, [value])
        for owner in self._owners:
            if value is owner or value.__globals__ is not owner.__globals__:
                continue
            path = _places(compile_called(owner)).get(value.__code__)
            # Python 3.10 takes code that differs in its lines only for the same.
            if path and _code_at(compile_called(owner), path).co_linetable == value.__code__.co_linetable:
                return self._made_inside(value, owner, path, ref)
        return None

    def _require_not_global(self, value: Any, functions: list[types.FunctionType]) -> None:
        if '<locals>' in value.__qualname__:
            return
        places = [(each.__code__.co_filename, each.__code__.co_firstlineno) for each in functions]
        for owner in self._owners:
            code = owner.__code__
            inside = any(
                name == code.co_filename and code.co_firstlineno < line <= _last_line(code) for name, line in places
            )
            if inside and value is not owner and has_name(value):
                reason = (
                    f'`{owner.__name__}` has made it as a global variable of its module, past `global`, which a restart does not bring '
                    'back; define it at the top of the file, or declare its name `global`'
                )
                raise CannotStoreError(type(value).__name__, '', reason, by_choice=True)

    def _made_inside(self, value: types.FunctionType, owner: types.FunctionType, path: list[int], ref: Ref) -> Any:
        return Staged({'inside': ref(owner), 'path': path, 'closure': closure_of(value, ref)}, parts_of(value, ref))

    def decode(self, content: Any, get: Get) -> object:
        """Return the function."""
        if 'workflow' in content:
            module, qualname = content['workflow']
            function = _workflow_function(module, qualname)
            if function is None:
                raise FrameError(f'the workflow function `{module}.{qualname}` cannot be found any more')
            return function
        owner = get(content['inside'])
        closure = tuple(get(cell) for cell in content['closure'])
        program = compile_called(owner)
        old = None if self._edits is None else self._edits.old_program(owner, compile_called)
        if self._edits is None or old is None:
            code = _code_at(program, content['path'])
            return types.FunctionType(code, owner.__globals__, code.co_name, None, closure)
        old_code = _code_at(old, content['path'])
        code = self._edits.code(owner, old_code, _places(program))
        function = types.FunctionType(code, owner.__globals__, code.co_name, None, closure)
        self._edits.note_nested(function, owner, old_code)
        return function

    def fill(self, obj: Any, content: Any, get: Get) -> None:
        """Complete a function that was made inside of another."""
        complete(obj, content, get)


def _is_function(value: object) -> bool:
    return type(value) is types.FunctionType


def _last_line(code: types.CodeType) -> int:
    return max([code.co_firstlineno, *(line for *_, line in code.co_lines() if line is not None)])


def _workflow_function(module: str, qualname: str) -> types.FunctionType | None:
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split('.'):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return getattr(found, FUNCTION_MARK, None)


def _places(program: Program) -> dict[types.CodeType, list[Any]]:
    """Return where the code of each function made inside a program's function is, in words that any Python understands.

    Block, name, line, and which of several. Constants have other indices in other versions, and comprehensions may be
    code of their own or not.
    """
    found: dict[types.CodeType, list[Any]] = {}
    for block in program.blocks:
        assert block.code is not None
        count: Counter[tuple[str, int]] = Counter()
        for code in _nested(block.code):
            key = (code.co_name, code.co_firstlineno)
            found.setdefault(code, [block.index, *key, count[key]])
            count[key] += 1
    return found


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _nested(constant)


def _code_at(program: Program, path: list[Any]) -> types.CodeType:
    block, *key = path[:-1]
    number: int = path[-1]
    code = program.blocks[block].code
    assert code is not None
    found = [each for each in _nested(code) if [each.co_name, each.co_firstlineno] == key]
    if number >= len(found):
        raise FrameError(f'`{program.name}` in {program.source.filename} makes no function `{key[0]}` in line {key[1]}')
    return found[number]


class TracebackCodec(Codec):
    """Tracebacks, by the lines that they show; takes notice of the exceptions, whose stored form leaves theirs out.

    :ivar raised: the exceptions that have a traceback.
    """

    name = 'traceback'
    kinds = (types.TracebackType, BaseException)
    runs_code = False

    def __init__(self) -> None:
        self.raised: dict[int, BaseException] = {}

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a traceback."""
        if type(value) is types.TracebackType:
            code = value.tb_frame.f_code
            return [
                code.co_filename,
                code.co_name,
                value.tb_lineno,
                ref(value.tb_next),
                span_of(value),
                module_of(value),
            ]
        if issubclass(type(value), BaseException):
            error: Any = value
            if error.__traceback__ is not None:
                self.raised[id(error)] = error
        return None

    def decode(self, content: Any, get: Get) -> object:
        """Return a traceback that shows the same lines."""
        filename, name, line, following, span, module = [*content, None, None][:6]
        return rebuilt(filename, name, line, get(following), tuple(span) if span else None, module)


T = TypeVar('T')


def is_awaitable(value: object) -> TypeGuard[Awaitable]:
    """Return whether a value is an awaitable."""
    return _is(value, Awaitable)  # type: ignore[type-abstract]  # none is made


def _is(value: object, kind: type[T]) -> TypeGuard[T]:
    """Return whether a value is of a class, without asking it: objects tell lies about their class."""
    return kind in (type(value).__mro__ or ())  # a type of CPython's that is not ready has none


class KeptCodec(Codec):
    """What the runtime's own objects consist of: handles, tasks and what is made of them; coroutine objects.

    :param agenda: that of the machine that they belong to.
    :param edits: finds the places in functions that were edited since.
    :ivar waiting: the coroutine objects met that nobody has begun.
    """

    name = 'kept'
    kinds = (types.CoroutineType, Kept)

    def __init__(self, agenda: Agenda | None = None, edits: Edits | None = None) -> None:
        self._agenda = agenda
        self._edits = edits
        self.waiting: dict[int, Any] = {}

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for one of them."""
        if type(value) is types.CoroutineType:
            return self._call(value, ref)
        if not _is(value, Kept):
            return None
        kept = {name: ref(item) for name, item in sorted(vars(value).items()) if _differs(value, name, item)}
        return Staged(type(value).__name__, kept)

    def decode(self, content: Any, get: Get) -> object:
        """Return one of them, empty if something is to follow."""
        if isinstance(content, dict):
            if content.get('is_claimed') or 'ended' in content:
                return ended(*content.get('ended', ('', '')))
            variables = {name: get(value) for name, value in content['variables'].items()}
            cells = {name: get(cell) for name, cell in content['cells'].items()}
            function = get(content['function'])
            return waiting(placed(compile_function, function, content, variables, cells, [], self._edits))
        kind = _KEPT[content]
        return kind.__new__(kind)

    def fill(self, obj: Any, content: Any, get: Get) -> None:
        """Give it its attributes."""
        for name, kind in obj.empty.items():
            setattr(obj, name, kind())
        for name, item in content.items():
            setattr(obj, name, get(item))
        if 'agenda' in obj.not_kept:
            obj.agenda = self._agenda
        if isinstance(obj, Handle):
            obj.forget_arguments()

    def _call(self, coroutine: Any, ref: Ref) -> Any:
        """Return the content for a coroutine object: that of the call that it stands for."""
        if coroutine.cr_frame is None:
            return {'ended': [coroutine.__name__, coroutine.__qualname__]}
        try:
            activation = call_in(coroutine)
        except CompileError as error:
            raise CannotStoreError('coroutine', '', f'its function cannot be compiled: {error}') from error
        self.waiting[id(coroutine)] = coroutine
        return {
            'function': ref(activation.function),
            'fingerprint': activation.program.source.fingerprint,
            'block': 0,
            'exit': None,
            'variables': {name: ref(value) for name, value in activation.variables.items()},
            'cells': {name: ref(cell) for name, cell in activation.cells.items()},
        }


def _differs(value: Kept, name: str, item: Any) -> bool:
    """Return whether an attribute has to be kept, because it is not as by default."""
    if name in value.not_kept or (name in value.empty and not item):
        return False
    return name in value.empty or not hasattr(type(value), name) or item is not getattr(type(value), name)


def _every_kind(kind: type[Kept]) -> Iterator[type[Kept]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _every_kind(inner)


_KEPT = {kind.__name__: kind for kind in _every_kind(Kept)}


class RecipeCodec(Codec):
    """Recipes themselves: function, site, inputs.

    :ivar decoded: those that were decoded.
    """

    name = 'recipe'
    kinds = (Recipe,)

    def __init__(self, edits: Edits | None = None) -> None:
        self._edits = edits
        self.decoded: list[Recipe] = []
        self._made: list[Any] = []  # alive until the variables hold them

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a recipe."""
        if type(value) is not Recipe:
            return None
        inputs = {name: ref(given) for name, given in value.inputs.items()}
        return [ref(value.function), value.site.index, inputs, value.site.call.lineno]  # the line is for who only looks

    def decode(self, content: Any, get: Get) -> object:
        """Return the recipe, with its value made again."""
        function, index, inputs = get(content[0]), content[1], {name: get(ref) for name, ref in content[2].items()}
        site = None if self._edits is None else self._edits.recipe(function, index)
        site = site or compile_function(function).recipes[index]
        recipe = Recipe(function, site, inputs)
        values = {name: given.value if isinstance(given, Recipe) else given for name, given in inputs.items()}
        self._made.append(recipe.make(values))
        self.decoded.append(recipe)
        return recipe


class RecipeValueCodec(Codec):
    """Values that nothing else can store, but a recipe can make again.

    :param recipes: the recipes there are.
    :param host: gives copies of their inputs, where there are any.
    :ivar used: those that were needed.
    """

    name = 'made'
    last_resort = True

    def __init__(self, recipes: Sequence[Recipe], host: Host | None = None) -> None:
        self._recipes = list(recipes)
        self._host = host
        self.used: list[Recipe] = []

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a value with a recipe.

        :raises CannotStoreError: if making it again would do more than that.
        """
        for recipe in self._recipes:
            if recipe.value is value:
                self._require_no_effect(recipe)
                if recipe not in self.used:
                    self.used.append(recipe)
                return ref(recipe)
        return None

    def _require_no_effect(self, recipe: Recipe) -> None:
        if recipe.effect is None:
            assert self._host is not None
            recipe.effect = try_out(recipe, self._host)
        if recipe.effect:
            call = recipe.site.call
            reason = (
                f'it does not support pickling, and is not made again either, as `{ast.unparse(call)}` {recipe.effect}. If calling '
                f'it again at each await does no harm, write `@workflow(recipes=[{ast.unparse(call.func)}])`'
            )
            raise CannotStoreError(type(recipe.value).__name__, '', reason, is_outside=True)

    def decode(self, content: Any, get: Get) -> object:
        """Return the value made again."""
        return get(content).value
