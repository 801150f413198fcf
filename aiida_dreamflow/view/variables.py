"""Variables that no node holds: what the frame says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..values.crowds import labels_in
from ..values.records import CODEC
from .frames import Part, name_of_function
from .model import Variable
from .shown import ENDS, Shown, shown_text
from .sources import Sources

__all__ = ('value_in_frame', 'variable_in_frame')


def variable_in_frame(name: str, found: tuple[Part, str] | None, sources: Sources) -> Variable:
    """Return a variable that has no node.

    :param name: its name.
    :param found: the part of the frame that has it, and its name there.
    """
    if found is None or found[1] not in found[0].roots:
        return Variable(name, Shown(), 'frame')
    part, own = found
    return value_in_frame(name, part, part.roots[own], sources)


def value_in_frame(name: str, part: Part, ref: Any, sources: Sources) -> Variable:
    """Return a value that has no node as a variable.

    :param name: what it is called.
    :param part: the part of the frame that has it.
    :param ref: where it is there.
    """
    kind, content, *rest = part.record(ref)
    if kind == '':
        return Variable(name, Shown(_text=shown_text(content)), 'frame')
    if kind == f'{CODEC}made':
        function, _, _, *line = part.record(content)[1]
        text = sources.call_on(name_of_function(part, function), line[0]) if line else 'made by a call'
        return Variable(name, Shown(_text=text), 'recipe')
    if kind == f'{CODEC}kept' and content == 'Handle':
        return Variable(name, Shown(_text=f'child {part.plain(rest[0].get("label"))}'), 'handle')
    if kind == f'{CODEC}crowd' and isinstance(content, dict):
        labels = [*labels_in(part.record(content['of'])[1])]
        return Variable(name, Shown(_text=f'child {labels[content["place"]]}'), 'handle')
    if kind == 'subclass':
        return Variable(name, Shown(_text=_subclass_in_words(part, content, rest[0] if rest else {})), 'frame')
    if kind == 'exception':
        name_of_class = str(part.record(content[0])[1]).rpartition(':')[2]
        text = f'{name_of_class}({", ".join(shown_text(part.plain(each, ...)) for each in content[1:])})'
        return Variable(name, Shown(_text=text.replace('Ellipsis', '...')), 'frame')
    word = str(content) if kind == f'{CODEC}kept' else kind.removeprefix(CODEC)
    size = part.length(ref)
    return Variable(name, Shown(_text=word if size is None else f'{word} of {size:,}'), 'frame')


def _subclass_in_words(part: Part, content: Any, rest: Mapping[str, Any]) -> str:
    """Return the class of an object that derives from a builtin one, such as the outputs of a child, and its keys."""
    word = str(part.record(content[0])[1]).rpartition(':')[2]
    keys = [repr(part.plain(key)) for key in rest.get('pairs', ())[::2]]
    more = [] if len(keys) <= 2 * ENDS else ['...']
    return f'{word}: {", ".join([*keys[: 2 * ENDS], *more])}' if keys else word
