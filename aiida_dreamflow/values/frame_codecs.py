"""The codecs for what only a frame contains: functions made inside functions, awaitables, recipes."""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard, TypeVar

from ..compiler import Program, compile_function
from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import FrameError
from ..runtime import Activation, Agenda, Awaitable, Handle, Kept, Recipe
from ..runtime.tracebacks import rebuilt
from .definitions import complete, parts_of
from .snapshot import Codec, Staged

__all__ = (
    'FunctionCodec',
    'KeptCodec',
    'RecipeCodec',
    'RecipeValueCodec',
    'TracebackCodec',
    'activation_of',
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

    def __init__(self, activations: Iterable[Activation]) -> None:
        self._owners = list({id(each.function): each.function for each in activations}.values())

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a function of these kinds."""
        if type(value) is not types.FunctionType:
            return None
        if _workflow_function(value.__module__, value.__qualname__) is value:
            return {'workflow': [value.__module__, value.__qualname__]}
        for owner in self._owners:
            if value is not owner and (path := _places(compile_function(owner)).get(value.__code__)):
                return self._made_inside(value, owner, path, ref)
        return None

    def _made_inside(self, value: types.FunctionType, owner: types.FunctionType, path: list[int], ref: Ref) -> Any:
        closure = [ref(cell) for cell in value.__closure__ or ()]
        return Staged({'inside': ref(owner), 'path': path, 'closure': closure}, parts_of(value, ref))

    def decode(self, content: Any, get: Get) -> object:
        """Return the function."""
        if 'workflow' in content:
            module, qualname = content['workflow']
            function = _workflow_function(module, qualname)
            if function is None:
                raise FrameError(f'the workflow function `{module}.{qualname}` cannot be found any more')
            return function
        owner = get(content['inside'])
        code = _code_at(compile_function(owner), content['path'])
        closure = tuple(get(cell) for cell in content['closure'])
        return types.FunctionType(code, owner.__globals__, code.co_name, None, closure)

    def fill(self, obj: Any, content: Any, get: Get) -> None:
        """Complete a function that was made inside of another."""
        complete(obj, content, get)


def _workflow_function(module: str, qualname: str) -> types.FunctionType | None:
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split('.'):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return getattr(found, FUNCTION_MARK, None)


def _places(program: Program) -> dict[types.CodeType, list[int]]:
    """Return where the code of each function made inside a program's function is: block, then indices of constants."""
    found: dict[types.CodeType, list[int]] = {}
    for block in program.blocks:
        assert block.code is not None
        for code, path in _nested(block.code, [block.index]):
            found.setdefault(code, path)
    return found


def _nested(code: types.CodeType, path: list[int]) -> Iterator[tuple[types.CodeType, list[int]]]:
    for index, constant in enumerate(code.co_consts):
        if isinstance(constant, types.CodeType):
            yield constant, [*path, index]
            yield from _nested(constant, [*path, index])


def _code_at(program: Program, path: list[int]) -> types.CodeType:
    code = program.blocks[path[0]].code
    for index in path[1:]:
        assert code is not None
        code = code.co_consts[index]
    assert code is not None
    return code


class TracebackCodec(Codec):
    """Tracebacks, by the lines that they show; takes notice of the exceptions, whose stored form leaves theirs out.

    :ivar raised: the exceptions that have a traceback.
    """

    name = 'traceback'
    runs_code = False

    def __init__(self) -> None:
        self.raised: dict[int, BaseException] = {}

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a traceback."""
        if type(value) is types.TracebackType:
            code = value.tb_frame.f_code
            return [code.co_filename, code.co_name, value.tb_lineno, ref(value.tb_next)]
        if issubclass(type(value), BaseException):
            error: Any = value
            if error.__traceback__ is not None:
                self.raised[id(error)] = error
        return None

    def decode(self, content: Any, get: Get) -> object:
        """Return a traceback that shows the same lines."""
        filename, name, line, following = content
        return rebuilt(filename, name, line, get(following))


T = TypeVar('T')


def is_awaitable(value: object) -> TypeGuard[Awaitable]:
    """Return whether a value is an awaitable."""
    return _is(value, Awaitable)  # type: ignore[type-abstract]  # none is made


def _is(value: object, kind: type[T]) -> TypeGuard[T]:
    """Return whether a value is of a class, without asking it: objects tell lies about their class."""
    return kind in (type(value).__mro__ or ())  # a type of CPython's that is not ready has none


class KeptCodec(Codec):
    """What the runtime's own objects consist of: handles, tasks and what is made of them, calls that were not awaited yet.

    :param agenda: that of the machine that they belong to.
    """

    name = 'kept'

    def __init__(self, agenda: Agenda | None = None) -> None:
        self._agenda = agenda

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for one of them."""
        if _is(value, Activation):
            return _call(value, ref)
        if not _is(value, Kept):
            return None
        kept = {name: ref(item) for name, item in sorted(vars(value).items()) if _differs(value, name, item)}
        return Staged(type(value).__name__, kept)

    def decode(self, content: Any, get: Get) -> object:
        """Return one of them, empty if something is to follow."""
        if isinstance(content, dict):
            return activation_of(
                get(content['function']),
                content,
                {name: get(value) for name, value in content['variables'].items()},
                {name: get(cell) for name, cell in content['cells'].items()},
            )
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


def _call(activation: Activation, ref: Ref) -> Any:
    """Return the content for a call that was not awaited; of one that was, nobody can do anything with it any more."""
    is_claimed = activation.is_claimed
    return {
        'function': ref(activation.function),
        'fingerprint': activation.program.source.fingerprint,
        'block': 0,
        'exit': None,
        'is_claimed': is_claimed,
        'variables': {} if is_claimed else {name: ref(value) for name, value in activation.variables.items()},
        'cells': {} if is_claimed else {name: ref(cell) for name, cell in activation.cells.items()},
    }


def activation_of(
    function: types.FunctionType,
    state: Mapping[str, Any],
    variables: dict[str, Any],
    cells: dict[str, types.CellType],
    handled: list[BaseException | None] | None = None,
) -> Activation:
    """Return an activation from what a frame says of it.

    :raises FrameError: if the source of its function is another.
    """
    program = compile_function(function)
    if program.source.fingerprint != state['fingerprint']:
        raise FrameError(
            f'the source of `{function.__qualname__}` in {program.source.filename} is not the one that the frame was '
            'stored with: restore the file as it was when the workflow was launched'
        )
    block = program.blocks[state['block']]
    awaiting: Any = None if state['exit'] is None else block.exits[state['exit']]
    return Activation(
        function, program, block, variables, cells, handled or [], awaiting, is_claimed=state.get('is_claimed', True)
    )


class RecipeCodec(Codec):
    """Recipes themselves: function, site, inputs.

    :ivar decoded: those that were decoded.
    """

    name = 'recipe'

    def __init__(self) -> None:
        self.decoded: list[Recipe] = []
        self._made: list[Any] = []  # alive until the variables hold them

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a recipe."""
        if type(value) is not Recipe:
            return None
        return [ref(value.function), value.site.index, {name: ref(given) for name, given in value.inputs.items()}]

    def decode(self, content: Any, get: Get) -> object:
        """Return the recipe, with its value made again."""
        function, index, inputs = get(content[0]), content[1], {name: get(ref) for name, ref in content[2].items()}
        recipe = Recipe(function, compile_function(function).recipes[index], inputs)
        made = recipe.make(
            {name: given.value if isinstance(given, Recipe) else given for name, given in inputs.items()}
        )
        self._made.append(made)
        self.decoded.append(recipe)
        return recipe


class RecipeValueCodec(Codec):
    """Values that nothing else can store, but a recipe can make again.

    :param recipes: the recipes there are.
    :ivar used: those that were needed.
    """

    name = 'made'
    last_resort = True

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        self._recipes = list(recipes)
        self.used: list[Recipe] = []

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a value with a recipe."""
        for recipe in self._recipes:
            if recipe.value is value:
                if recipe not in self.used:
                    self.used.append(recipe)
                return ref(recipe)
        return None

    def decode(self, content: Any, get: Get) -> object:
        """Return the value made again."""
        return get(content).value
