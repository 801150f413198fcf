"""What a variable without a node was made from, and how a node says what it is.

The cursor of a loop, a part of an expression that waits for another, a generator, a list of handles, what has a recipe: none has
a node of its own. Each has *origins* instead, a few nodes that its value comes from. A step that uses it reads these.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aiida import orm

from ..compiler import reads_in
from ..compiler.program import HIDDEN, Block, is_hidden
from ..compiler.sources import mentions_in, only_looked_at
from ..exceptions import DreamflowError
from ..runtime import Activation, Machine, Recipe
from ..runtime.looking import look_into
from ..values.data import DreamData, short_repr, type_name
from ..values.parts import Form
from .outputs import nodes_behind

if TYPE_CHECKING:
    from .ledger import Ledger

__all__ = ('FEW', 'Hidden', 'Hiding', 'Origins', 'described')

#: What has more origins is given a node that bundles them.
FEW = 3


@dataclass(frozen=True)
class Hidden:
    """A variable without a node.

    :ivar digest: that of its value, if it has a stored form of its own: whether it has changed.
    :ivar nodes: the uuids of its origins, by the names of the variables that they are.
    """

    digest: str = ''
    nodes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, entry: Any) -> Hidden:
        """Return what a record says of one."""
        return cls(*entry)


@dataclass
class Origins:
    """What the record of a step says of the variables that it leaves.

    :ivar nodes: uuid of the node and digest of the value of each variable, by its name in the frame (``0:x_doe``).
    :ivar others: what is known of each variable without a node.
    :ivar above: the ancestors of nodes, as far as they are origins of a variable: by uuid, uuids.
    """

    nodes: dict[str, list[str]] = field(default_factory=dict)
    others: dict[str, Hidden] = field(default_factory=dict)
    above: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Origins:
        """Return what stands in a record."""
        others = {root: Hidden.read(entry) for root, entry in content['origins'].items()}
        return cls(content['nodes'], others, content.get('above', {}))

    def written(self) -> dict[str, Any]:
        """Return what is to stand in a record."""
        others = {root: [hidden.digest, dict(hidden.nodes)] for root, hidden in self.others.items()}
        return {'nodes': self.nodes, 'origins': others, 'above': self.above}


# -- what a variable was made from


def made_from(
    name: str, activation: Activation, ran: Sequence[Block], is_new: bool
) -> frozenset[tuple[str, bool]] | None:
    """Return the variables that a variable was made from in a step, as far as the source says so.

    :param activation: the call whose variable it is.
    :param ran: the blocks that the step ran at its place, in order.
    :param is_new: whether the step before left no such variable.
    :returns: names, each with whether it is the variable that the step leaves: otherwise the one that it found. ``None`` if that
        is not known.
    """
    own = {*activation.program.blocks}
    blocks = [block for block in ran if block in own]
    number = max((number for number, block in enumerate(blocks) if name in reads_in(block)), default=None)
    if number is None or not (is_new or blocks[number].handler is None):
        return None  # a block with a handler may have been left before
    reads = reads_in(blocks[number])[name]
    if reads is None:
        return None
    scope = activation.program.scope
    found = set()
    for part, is_left in reads:
        if part in HIDDEN or not (is_hidden(part) or part in scope.locals or part in scope.cells):
            continue  # of the machine, or of the module
        if is_left and not any(part in reads_in(block) for block in blocks[number + 1 :]):
            found.add((part, True))
        elif is_left or any(part in reads_in(block) for block in blocks[:number]):
            return None
        else:
            found.add((part, False))
    # What a step has found and does not leave may have been changed by it before: only if there is no other mention it is not.
    kept = activation.values()
    mentions = {part: sum(mentions_in(block)[part] for block in blocks) for part, _ in found}
    once = {part for part, count in mentions.items() if count == 1}
    if any(part not in once and not (is_left and part in kept) for part, is_left in found):
        return None
    return frozenset((part, is_left and part in kept) for part, is_left in found)


#: Values that change by nothing but what is put into them.
_LOOKED_AT = (list, tuple, dict, Iterator)

#: The iterators behind a cursor that only hand on what others give.
_HANDING_ON = (enumerate, zip, map, filter, reversed)


def iterated(cursor: object) -> list[object]:
    """Return the lists that an iterator goes through: what is appended to them it will give.

    :param cursor: the iterator.
    """
    found: list[object] = []
    waiting = [cursor]
    while waiting:
        each = waiting.pop()
        if type(each) is _LIST_ITERATOR or isinstance(each, _HANDING_ON):
            waiting += gc.get_referents(each)
        elif type(each) is list and each is not cursor:
            found.append(each)
    return found


_LIST_ITERATOR: type[object] = type(iter([]))


class Hiding:
    """Finds the origins of the variables without a node, at the end of a step.

    :param ledger: has the nodes of the others already.
    :param before: the origins that the step has found.
    :param objects: names and nodes of values that are nobody else's, by id.
    """

    def __init__(
        self,
        ledger: Ledger,
        machine: Machine,
        forms: Mapping[str, Form],
        before: Mapping[str, Hidden],
        objects: Mapping[int, tuple[str, str]],
    ) -> None:
        self._ledger = ledger
        self._forms = forms
        self._before = before
        self._objects = objects
        self._activations = machine.activations()
        self._used = {f'{place}:{name}' for place, block in machine.ran for name in block.used}
        self._ran: dict[str, list[Block]] = {}
        for place, block in machine.ran:
            self._ran.setdefault(place, []).append(block)
        self._recipes = [(place, recipe) for place, act in self._activations.items() for recipe in act.recipes.values()]
        self._waiting: dict[str, tuple[str, str, Any]] = {}

    def note(self, variables: Iterable[tuple[str, str, Any]]) -> None:
        """Note the origins of variables.

        :param variables: places, names and values.
        """
        self._waiting = {f'{place}:{name}': (place, name, value) for place, name, value in variables}
        for root in [*self._waiting]:
            self._note(root)
        for _, recipe in self._recipes:
            recipe.is_new = False

    def _note(self, root: str) -> None:
        if root in self._waiting:  # else it is known, or it is being found out
            place, name, value = self._waiting.pop(root)
            form = self._forms.get(root)
            digest = '' if form is None else form.digest
            self._ledger.origins[root] = self._origins(root, place, name, value, digest)

    def _origins(self, root: str, place: str, name: str, value: Any, digest: str) -> Hidden:
        ledger, old = self._ledger, self._before.get(root)
        if name.startswith('.iter'):
            lists = [self._objects[id(each)] for each in iterated(value) if id(each) in self._objects]
            if lists:
                return Hidden(digest, dict(lists))
            if behind := nodes_behind(value):
                ledger.know(behind.values())
                return Hidden(digest, behind)
            if old is not None and ledger.has_cursor(root, value):
                return replace(old, digest=digest)
        if old is not None and (root not in self._used or (digest and digest == old.digest)):
            return old
        if old is not None and self._is_only_looked_at(place, name, value):
            return replace(old, digest=digest)
        for its_place, recipe in self._recipes:
            if recipe.value is value:
                return Hidden(digest, self._of_recipe(its_place, recipe))
        copied = self._before.get(ledger.copied(root))
        if copied is not None and copied.digest == digest:
            return copied
        nodes = self._from_source(root, place, name, is_new=old is None)
        if nodes is not None and len(nodes) <= FEW:
            return Hidden(digest, nodes)
        read = ledger.read_nodes
        if old is not None and {*read.values()} <= {*old.nodes.values()}:
            return replace(old, digest=digest)
        if len(read) == 1 or (old is None and ledger.reads_few_variables):
            return Hidden(digest, dict(read))
        return Hidden(digest, {ledger.label_of(root): ledger.describe(root, value, self._forms.get(root))})

    def _is_only_looked_at(self, place: str, name: str, value: Any) -> bool:
        """Return whether nothing was put into a value in the step, as the source says: items were taken from it."""
        blocks = [block for block in self._ran.get(place, ()) if name in block.used]
        return isinstance(value, _LOOKED_AT) and all(name in only_looked_at(block) for block in blocks)

    def _of_recipe(self, place: str, recipe: Recipe) -> dict[str, str]:
        """Return the nodes of the inputs of a recipe."""
        known = self._before.get(f'{place}:{recipe.site.variable}')
        if known is not None and not recipe.is_new:
            return dict(known.nodes)
        nodes: dict[str, str] = {}
        for name, given in recipe.inputs.items():
            if isinstance(given, Recipe):
                nodes |= self._of_recipe(place, given)
            elif uuid := self._ledger.node_of_input(f'{place}:{name}', given):
                nodes[name] = uuid
        return nodes

    def _from_source(self, root: str, place: str, name: str, is_new: bool) -> dict[str, str] | None:
        """Return what the source says that a variable comes from; ``None`` if that is not known."""
        sources = made_from(name, self._activations[place], self._ran.get(place, []), is_new)
        if sources is None:
            return None
        nodes: dict[str, str] = {}
        for part, is_left in sorted(sources):
            other = f'{place}:{part}'
            if is_left:
                self._note(other)
            found = self._ledger.nodes_of(other) if is_left else self._ledger.nodes_before(other, self._before)
            if found is None:
                return None
            for label, uuid in found.items():
                nodes.setdefault(label, uuid)
        return nodes


# -- what a node says of it


def described(name: str, value: object) -> orm.Data:
    """Return a node that says what a value is that cannot be one.

    :param name: the variable.
    :param value: its value.
    """
    text = _text(name, value)
    node = DreamData(text)
    node.base.attributes.set_many({'python_type': type_name(value), 'repr': text})
    node.description = text
    return node


def _text(name: str, value: object) -> str:
    try:
        if isinstance(value, types.GeneratorType):
            return _text_of_generator(value)
    except DreamflowError:
        pass
    if isinstance(value, types.CoroutineType | types.AsyncGeneratorType | types.GeneratorType):
        code = getattr(value, 'cr_code', None) or getattr(value, 'ag_code', None) or value.gi_code  # type: ignore[union-attr]
        return f'{type_name(value)} `{value.__name__}` of L{code.co_firstlineno}'
    return short_repr(value)


def _text_of_generator(generator: Any) -> str:
    """Return where a generator is and what it has: ``generator `points` of L12, at L14, v = 3.0``."""
    if generator.gi_frame is None:
        return f'generator `{generator.__name__}`, which has ended'
    call = look_into(generator).activation
    assert call is not None
    text = f'generator `{generator.__name__}` of L{call.program.source.node.lineno}'
    text += ', not begun' if call.awaiting is None else f', at L{call.awaiting.node.lineno}'
    values = [f'{name} = {short_repr(value, 60)}' for name, value in call.values().items() if not is_hidden(name)]
    return ', '.join([text, *values[:_VARIABLES], *(['...'] if len(values) > _VARIABLES else [])])


#: How many variables of a generator are told.
_VARIABLES = 8
