"""From what stands on the command line for PK to the run of a workflow function; or what it is instead, and what to type."""

from __future__ import annotations

from typing import Any

import click

__all__ = ('find_run', 'load_profile')


def find_run(process: str, profile: str | None) -> Any:
    """Return the node of a run.

    :param process: its pk or uuid.
    :param profile: the name of its profile, ``None`` for the default one.
    :raises click.ClickException: if there is no such run, in one line.
    """
    load_profile(profile)
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        node = orm.load_node(process)
    except (NotExistent, MultipleObjectsError) as error:
        what = 'more than one node begins' if isinstance(error, MultipleObjectsError) else 'there is no node'
        raise click.BadParameter(
            f'{what} with `{process}` in the profile `{_name()}`; `dreamflow list` shows the runs',
            param_hint='PK',
        ) from error
    if not (isinstance(node, orm.WorkChainNode) and 'class' in (node.base.attributes.get('dreamflow', None) or {})):
        raise click.ClickException(_what_it_is(node))
    return node


def load_profile(profile: str | None) -> None:
    """Load a profile, unless one is loaded and none is named.

    :raises click.ClickException: if there is none, in one line.
    """
    import aiida
    from aiida.common.exceptions import ConfigurationError
    from aiida.manage import get_manager

    if profile is None and get_manager().get_profile() is not None:
        return
    try:
        aiida.load_profile(profile, allow_switch=True)
    except ConfigurationError as error:
        if profile is None:
            said = (
                'AiiDA has no profile here: `verdi presto` creates one, and AIIDA_PATH says where they are looked for'
            )
        else:
            said = f'AiiDA has no profile `{profile}`: `verdi profile list` shows them'
        raise click.ClickException(said) from error


def _name() -> str:
    from aiida.manage import get_manager

    found = get_manager().get_profile()
    return '' if found is None else found.name


def _what_it_is(node: Any) -> str:
    """Return what is said of a node that is no run of a workflow function, and which run it belongs to."""
    from aiida import orm

    if isinstance(node, orm.CalcFunctionNode) and 'dreamflow' in node.base.attributes.all:
        what = 'the record of a step'
    elif isinstance(node, orm.CalcJobNode):
        what = f'a job (`{node.process_label}`)'
    elif isinstance(node, orm.ProcessNode):
        what = f'a process of another kind (`{node.process_label}`)'
    else:
        what = f'no process, but data of the type `{type(node).__name__}`'
    said = f'{node.pk} is {what}, not a run of a workflow function'
    by = node if isinstance(node, orm.ProcessNode) else getattr(node, 'creator', None)
    caller = getattr(by, 'caller', None)
    if caller is not None:
        command = (click.get_current_context(silent=True) or click.Context(click.Command('show'))).info_name
        return f'{said}; it belongs to {caller.process_label} {caller.pk}: `dreamflow {command} {caller.pk}`'
    if isinstance(node, orm.ProcessNode):
        return f'{said}; `verdi process report {node.pk}` and `verdi process show {node.pk}` tell of it'
    return f'{said}; `dreamflow list` shows the runs'
