"""The order in which the objects of a document are made and filled.

What an object is made from is complete before it is made, except where objects reach each other in a circle: there
each is made first, and the fillings that run user code come last. No recursion, so nesting may be as deep as it likes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..exceptions import DreamflowError, FrameError
from .records import CODEC, Kind, Reader, Record, refs_in

__all__ = ('UnbuildableError', 'rebuild')

#: The rank of a filling that asks objects for their hashes.
_ASKS_FOR_HASHES = 3


class UnbuildableError(FrameError):
    """An object cannot be made or filled again.

    :ivar number: the number of the object.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


def rebuild(records: Sequence[Record], kinds: Sequence[Kind], built: dict[int, object], reader: Reader) -> None:
    """Make and fill all objects.

    :param records: the records of the document.
    :param kinds: the kind of each record.
    :param built: receives the objects, by number; `reader` looks them up there.
    :param reader: what the kinds ask.
    :raises FrameError: if the records contradict each other.
    """
    edges = [list(refs_in(record[1:])) for record in records]
    for component in _components(edges):
        if len(component) == 1:
            index = component[0]
            record, kind = records[index], kinds[index]
            built[index] = _make(index, record, kind, reader)
            if len(record) > 2:
                _fill(index, built[index], record, kind, reader)
        else:
            _Circle(component, records, kinds, built, reader).build()


def _make(number: int, record: Record, kind: Kind, reader: Reader) -> object:
    try:
        return kind.make(record[1], reader)
    except Exception as error:
        if _is_to_be_left(kind, error):
            raise
        what = f'an object of type `{_class_in(record, reader)}` cannot be made again: {type(error).__name__}: {error}'
        raise UnbuildableError(what, number) from error


def _fill(number: int, obj: object, record: Record, kind: Kind, reader: Reader) -> None:
    if kind.fill is None:
        raise FrameError(f'a record of kind `{kind.name}` has a part too many; the stored document is damaged')
    try:
        kind.fill(obj, record[2], reader)
    except Exception as error:
        if _is_to_be_left(kind, error):
            raise
        what = f'an object of type `{type(obj).__name__}` cannot be filled again: {type(error).__name__}: {error}'
        raise UnbuildableError(what, number) from error


def _class_in(record: Record, reader: Reader) -> str:
    """Return the name of what makes an object, as far as its record says so."""
    first = record[1][0] if isinstance(record[1], list) and record[1] else None
    made_by = reader.get(first) if isinstance(first, dict) else None
    return str(getattr(made_by, '__qualname__', record[0]))


def _is_to_be_left(kind: Kind, error: Exception) -> bool:
    """Whether an error says what it is: one of ours, or that of a codec, whose database may be away."""
    return isinstance(error, DreamflowError) or kind.name.startswith(CODEC)


def _components(edges: list[list[int]]) -> Iterator[list[int]]:
    """Tarjan's strongly connected components, those that others depend on first."""
    number: list[int] = [0] * len(edges)  # 0: not seen yet
    low = number.copy()
    open_: list[int] = []
    is_open = [False] * len(edges)
    count = 0
    for root in range(len(edges)):
        if number[root]:
            continue
        work = [(root, iter(edges[root]))]
        count += 1
        number[root] = low[root] = count
        open_.append(root)
        is_open[root] = True
        while work:
            node, targets = work[-1]
            for target in targets:
                if not number[target]:
                    count += 1
                    number[target] = low[target] = count
                    open_.append(target)
                    is_open[target] = True
                    work.append((target, iter(edges[target])))
                    break
                if is_open[target] and number[target] < low[node]:
                    low[node] = number[target]
            else:
                work.pop()
                if work and low[node] < low[work[-1][0]]:
                    low[work[-1][0]] = low[node]
                if low[node] == number[node]:
                    component: list[int] = []
                    while not component or component[-1] != node:
                        component.append(open_.pop())
                        is_open[component[-1]] = False
                    yield component


class _Circle:
    """Objects that reach each other."""

    def __init__(
        self,
        members: list[int],
        records: Sequence[Record],
        kinds: Sequence[Kind],
        built: dict[int, object],
        reader: Reader,
    ) -> None:
        self.members = sorted(members)
        self.records, self.kinds, self.built, self.reader = records, kinds, built, reader
        inside = set(members)
        self.needs = {i: [j for j in refs_in(records[i][1]) if j in inside] for i in members}
        filled = [i for i in self.members if len(records[i]) > 2]
        self.rank = {i: kinds[i].rank(records[i][2]) for i in filled}
        self.pending = sorted(filled, key=self.rank.__getitem__)
        self.waits = {i: [j for j in refs_in(records[i][2]) if j in inside] for i in filled}
        self.in_part: set[int] = set()

    def build(self) -> None:
        for index in sorted(self.members, key=lambda i: self.kinds[i].late):
            self.make(index)
        self.fill_ready()
        if self.pending:
            raise FrameError('objects of a stored value wait for each other; the stored document is damaged')

    def make(self, index: int) -> None:
        stack = [(index, self.wanted(index))]
        entered = {index}
        while stack:
            node, needs = stack[-1]
            if node in self.built:
                stack.pop()
                continue
            need, is_needed = next((each for each in needs if each[0] not in self.built), (None, False))
            if need is None:
                if self.kinds[node].late:
                    self.fill_ready()
                    self.fill_needs(node)
                    self.fill_in_part(node)
                self.built[node] = _make(node, self.records[node], self.kinds[node], self.reader)
                stack.pop()
            elif is_needed and need in entered:
                raise UnbuildableError(
                    'objects of a stored value need each other to be made; it cannot be rebuilt', node
                )
            elif is_needed or entered.difference(self.built).isdisjoint(self.reached(need)):
                entered.add(need)
                stack.append((need, self.wanted(need)))

    def wanted(self, index: int) -> Iterator[tuple[int, bool]]:
        """Yield what is to be made before an object, and whether it cannot be made otherwise.

        What is made late, a frozenset say, asks for hashes: what it is made from should be filled by then.
        """
        yield from ((need, True) for need in self.needs[index])
        if self.kinds[index].late:
            yield from ((wait, False) for need in self.whole(index) for wait in self.waits.get(need, ()))

    def reached(self, index: int) -> set[int]:
        """Return all that should be made by the time that an object is, with itself."""
        found = {index}
        for need, _ in self.wanted(index):
            found.update((need, *self.whole(need)))
        return found

    def whole(self, index: int) -> list[int]:
        """Return all that an object is made from, directly or not."""
        found = dict.fromkeys(self.needs[index])
        open_ = list(found)
        while open_:
            new = [need for need in self.needs[open_.pop()] if need not in found]
            found.update(dict.fromkeys(new))
            open_ += new
        return list(found)

    def fill_ready(self) -> None:
        """Fill what can be filled, so that code which runs next sees as much as there is."""
        waiting: list[int] = []
        for index in self.pending:
            # Nothing of a higher rank before all of a lower one: it would look at what is not filled yet.
            held = waiting and self.rank[waiting[0]] < self.rank[index]
            if held or not self.fill_one(index):
                waiting.append(index)
        self.pending = waiting

    def fill_one(self, index: int) -> bool:
        if index not in self.built or any(j not in self.built for j in self.waits[index]):
            return False
        if index in self.in_part:  # all of them again, in their order
            object.__getattribute__(self.built[index], '__dict__').clear()
        _fill(index, self.built[index], self.records[index], self.kinds[index], self.reader)
        return True

    def fill_needs(self, index: int) -> None:
        """Fill what an object is made from, whatever its rank: an iterator over a dict has its place in a full one only."""
        whole = set(self.whole(index))
        waiting: list[int] = []
        for j in self.pending:
            if j not in whole or self.asks_for_hashes(j, waiting) or not self.fill_one(j):
                waiting.append(j)
        self.pending = waiting

    def fill_in_part(self, index: int) -> None:
        """Give what an object is made from, and cannot be filled, those of its attributes that are there: a hash may ask for these."""
        whole = set(self.whole(index))
        for j in whole.intersection(self.pending, self.built):
            rest = self.records[j][2]
            parts = iter(rest.get('dict', ()) if isinstance(rest, dict) else ())
            for key, value in zip(parts, parts, strict=True):
                if all(part in self.built for part in refs_in([key, value])):
                    attributes = object.__getattribute__(self.built[j], '__dict__')
                    self.in_part.add(j)
                    attributes[self.reader.get(key)] = self.reader.get(value)

    def asks_for_hashes(self, index: int, waiting: Sequence[int]) -> bool:
        """Return whether filling an object asks one for its hash that is not filled yet."""
        items = (item for item in self.waits[index] if not self.has_plain_hash(item))
        return self.rank[index] >= _ASKS_FOR_HASHES and any(
            j in waiting for item in items for j in (item, *self.whole(item))
        )

    def has_plain_hash(self, index: int) -> bool:
        """Return whether an object that was made has a hash for being itself, whatever it is filled with."""
        return index in self.built and type(self.built[index]).__hash__ is object.__hash__
