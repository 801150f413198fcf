"""``dreamflow run`` and ``submit``: a workflow function with its arguments as options, from its signature and its docstring."""

from __future__ import annotations

import ast
import enum
import inspect
import json
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, cast, get_args, get_origin

import click

from aiida_dreamflow.cli.programs import without_stack, workflows_in

if TYPE_CHECKING:
    from aiida.orm import WorkChainNode

    from aiida_dreamflow.engine.workchain import FunctionWorkChain

__all__ = ('command_for', 'find_workflow', 'launch', 'value_of')


def launch(target: str, arguments: list[str], profile: str | None, is_submitted: bool, is_watched: bool) -> None:
    """Run or submit a workflow function.

    :param target: ``FILE.py:FUNCTION``.
    :param arguments: what stands behind it on the command line.
    """
    process_class = find_workflow(target)

    def begin(inputs: dict[str, Any]) -> None:
        from aiida_dreamflow.cli.finding import load_profile

        load_profile(profile)
        given = {name: _loaded(value) for name, value in inputs.items()}
        (_submit if is_submitted else _run)(process_class, given, is_watched)

    verb = 'submit' if is_submitted else 'run'
    command = command_for(process_class, begin, f'dreamflow {verb} {target}')
    command.main(arguments, prog_name=f'dreamflow {verb} {target}', standalone_mode=False)


def find_workflow(target: str) -> type[FunctionWorkChain]:
    """Import the file that `target` names, and return its workflow; without a name the only one that it has."""
    file, _, name = target.rpartition(':') if ':' in target else (target, '', '')
    found, _ = workflows_in(file)
    if name in found:
        return found[name]
    if not name and len(found) == 1:
        return next(iter(found.values()))
    known = f'its workflows: {", ".join(found)}' if found else 'it has none: decorate a function with `@workflow`'
    what = f'`{file}` has no workflow `{name}`' if name else f'which workflow of `{file}`? Write FILE.py:FUNCTION'
    raise click.BadParameter(f'{what}; {known}', param_hint='FILE.py:FUNCTION')


def command_for(process_class: type[FunctionWorkChain], begin: Any, name: str) -> click.Command:
    """Return a command with an option for each parameter of a workflow function.

    :param begin: is called with the arguments that were given.
    """
    from aiida_dreamflow.engine.checking import parameters_in
    from aiida_dreamflow.values.parameters import parameters_of

    function = process_class.require_function()
    said = parameters_in(function.__doc__)
    options: list[click.Parameter] = []
    names: dict[str, str] = {}
    for parameter in parameters_of(function).values():
        option = _option(parameter.name, parameter.annotation, parameter.default, said.get(parameter.name, ''))
        names[str(option.name)] = parameter.name
        options.append(option)

    def called(**given: Any) -> None:
        begin({names[key]: value for key, value in given.items() if value is not None})

    about = inspect.getdoc(function) or f'Run `{function.__name__}`.'
    return click.Command(
        name,
        callback=called,
        params=options,
        help=about.partition('\n:param')[0].strip(),
        context_settings={'help_option_names': ['-h', '--help'], 'max_content_width': 100},
    )


def _option(name: str, annotation: Any, default: Any, about: str) -> click.Option:
    empty = inspect.Parameter.empty
    kind = _type_of(annotation)
    is_required = default is empty
    shown = '' if is_required else f'[default: {default!r}]'
    flag = name.replace('_', '-')
    declarations = [f'--{flag}/--no-{flag}' if kind is click.BOOL else f'--{flag}']
    if flag != name and kind is not click.BOOL:
        declarations.append(f'--{name}')
    return click.Option(
        declarations,
        type=kind,
        required=is_required,
        default=None,
        help='  '.join(filter(None, (about, shown))),
        metavar=_metavar(kind),
    )


def _metavar(kind: click.ParamType) -> str | None:
    return kind.name.upper() if isinstance(kind, _Value) else None


def _type_of(annotation: Any) -> click.ParamType:
    """Return how the text on the command line is read for an annotation."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        others = [each for each in inside if each is not type(None)]
        return _type_of(others[0]) if len(others) == 1 else _Value()
    if origin is Literal and all(isinstance(each, str) for each in inside):
        return click.Choice(inside)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _Member(annotation)
    if annotation is Path:
        return click.Path(path_type=Path)
    plain: dict[Any, click.ParamType] = {int: click.INT, float: click.FLOAT, bool: click.BOOL, str: click.STRING}
    return plain.get(annotation, _Value()) if isinstance(annotation, type) else _Value()


class _Value(click.ParamType):
    """A Python value (``[1, 2]``, ``{'a': 1}``, ``None``), or a node: ``pk:12``, ``uuid:...``; a word is a text."""

    name = 'value'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value for a text."""
        if not isinstance(value, str) or value.startswith(_NODES):
            return value
        for read in (ast.literal_eval, json.loads):
            try:
                return read(value)
            except (ValueError, SyntaxError):
                continue
        if any(char in value for char in '[]{}()'):
            self.fail(
                f'`{value}` is no Python value: write numbers, texts in quotes, lists, dicts, or pk:NUMBER for a node',
                param,
                ctx,
            )
        return value


_NODES = ('pk:', 'uuid:')


class _Member(click.Choice):  # type: ignore[type-arg,unused-ignore]
    """A member of an enum, by its name."""

    def __init__(self, cls: type[enum.Enum]) -> None:
        super().__init__([member.name for member in cls])
        self._cls = cls

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the member."""
        return value if isinstance(value, self._cls) else self._cls[str(super().convert(value, param, ctx))]


def _loaded(value: Any) -> Any:
    """Return the node that is named, or the value itself."""
    if not (isinstance(value, str) and value.startswith(_NODES)):
        return value
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        return orm.load_node(value.partition(':')[2])
    except (NotExistent, MultipleObjectsError) as error:
        raise click.ClickException(f'there is no node `{value}`: {error}') from error


def _run(process_class: type[FunctionWorkChain], inputs: dict[str, Any], is_watched: bool) -> None:
    from aiida import engine

    from aiida_dreamflow.cli.showing import values_text
    from aiida_dreamflow.view import look

    if is_watched:
        raise click.UsageError(
            '`run` runs it in this process, which cannot watch it meanwhile: use `dreamflow submit --watch`'
        )
    try:
        _, node = engine.run_get_node(process_class, **inputs)
    except Exception as error:
        # What the function itself raised stands in the report already, with the traceback.
        raise click.ClickException(without_stack(error)) from error
    run = look(cast('WorkChainNode', node))
    click.echo(f'{run.name} {run.pk}: {run.status}' + (f', {values_text(run.outputs)}' if run.outputs else ''))
    if run.failure is not None:
        click.secho(run.failure.message, fg='red', err=True)
        raise click.exceptions.Exit(1)


def _submit(process_class: type[FunctionWorkChain], inputs: dict[str, Any], is_watched: bool) -> None:
    from aiida import engine

    from aiida_dreamflow.cli.watching import watch

    try:
        node = engine.submit(process_class, **inputs)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f'submitted {process_class.require_function().__name__} {node.pk}: `dreamflow watch {node.pk}`')
    if is_watched and not watch(node) and node.is_terminated:
        raise click.exceptions.Exit(1)


def value_of(text: str, option: str) -> Any:
    """Return the value, or the node, that a text on the command line stands for.

    :param option: the option, for the message if it stands for none.
    """
    try:
        return _loaded(_Value().convert(text, None, None))
    except click.BadParameter as error:
        raise click.BadParameter(error.message, param_hint=option) from None
