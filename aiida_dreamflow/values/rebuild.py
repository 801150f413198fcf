"""The order in which the objects of a document are made and filled.

What an object is made from is complete before it is made, except where objects reach each other in a circle: there
each is made first, then filled with what runs no user code, and then come the fillings that do, in the order of `pickle`:
what an object refers to before the object itself. No recursion, so nesting may be as deep as it likes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ..exceptions import DreamflowError, FrameError
from .errors import lost_class
from .records import CODEC, REF, Kind, Reader, Record, refs_in

__all__ = ('UnbuildableError', 'rebuild')

#: The rank of a filling that asks objects for their hashes.
_ASKS_FOR_HASHES = 3
#: The rank from which on fillings run user code.
_RUNS_USER_CODE = 2
#: Hashes that do not depend on what an object is filled with.
_PLAIN_HASHES = (object.__hash__, str.__hash__, int.__hash__, float.__hash__, bytes.__hash__)


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
    :param built: receives the objects, by number; `reader` looks them up there. What is in it already is not made again.
    :param reader: what the kinds ask.
    :raises FrameError: if the records contradict each other.
    """
    edges = [[] if index in built else _in_order(record) for index, record in enumerate(records)]
    for component in _components(edges):
        if len(component) == 1:
            index = component[0]
            if index in built:
                continue
            record, kind = records[index], kinds[index]
            try:
                built[index] = _make(index, record, kind, reader)
            except FrameError:
                if not _is_class_of_exceptions(index, records):
                    raise
                built[index] = lost_class(_native_of(index, records), *record[1].split(':', 1))
            if len(record) > 2:
                _fill(index, built[index], record, kind, reader)
        else:
            _Circle(component, records, kinds, built, reader).build()


def _is_class_of_exceptions(index: int, records: Sequence[Record]) -> bool:
    """Return whether something is found by its name, and is the class of exceptions and nothing else."""
    ref = {REF: index}
    users = [record for record in records if index in refs_in(record[1:])]
    own = [
        record[0] == 'exception' and record[1][0] == ref and index not in refs_in([record[1][1:], record[2:]])
        for record in users
    ]
    return records[index][0] == 'global' and bool(users) and all(own)


def _native_of(index: int, records: Sequence[Record]) -> str:
    """Return the name of the builtin class that a class of exceptions was derived from."""
    rests = [
        record[2] for record in records if record[0] == 'exception' and record[1][0] == {REF: index} and len(record) > 2
    ]
    return next((str(rest['was'][0]) for rest in rests if 'was' in rest), 'Exception')


def _in_order(record: Record) -> list[int]:
    """Return what a record refers to, in the order in which `pickle` would come to it: the attributes last."""
    parts = record[1:]
    if len(parts) > 1 and isinstance(parts[1], dict) and REF not in parts[1]:
        rest = parts[1]
        parts = [parts[0], *(rest[name] for name in sorted(rest, key=_IS_STATE.__contains__))]
    return [*refs_in(parts)][::-1]


#: The attributes of an object, among the parts that it is filled with.
_IS_STATE = frozenset({'dict', 'slots'})


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
    """Tarjan's strongly connected components, those that others depend on first; in each the order in which `pickle` ends them."""
    number: list[int] = [0] * len(edges)  # 0: not seen yet
    low = number.copy()
    ended: list[int] = number.copy()
    ends = 0
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
                ends += 1
                ended[node] = ends
                if work and low[node] < low[work[-1][0]]:
                    low[work[-1][0]] = low[node]
                if low[node] == number[node]:
                    component: list[int] = []
                    while not component or component[-1] != node:
                        component.append(open_.pop())
                        is_open[component[-1]] = False
                    component.sort(key=ended.__getitem__)
                    yield component


class _Circle:
    """Objects that reach each other.

    :param members: their numbers, in the order in which `pickle` would be through with them.
    """

    def __init__(
        self,
        members: list[int],
        records: Sequence[Record],
        kinds: Sequence[Kind],
        built: dict[int, object],
        reader: Reader,
    ) -> None:
        self.members = sorted(members)
        self.ended = {index: place for place, index in enumerate(members)}
        self.records, self.kinds, self.built, self.reader = records, kinds, built, reader
        inside = set(members)
        self.needs = {i: [j for j in _in_order(records[i][:2]) if j in inside] for i in members}
        filled = [i for i in self.members if len(records[i]) > 2]
        self.rank = {i: kinds[i].rank(records[i][2]) for i in filled}
        self.level = {i: min(rank, _RUNS_USER_CODE) for i, rank in self.rank.items()}
        self.pending = sorted(filled, key=lambda i: (self.level[i], self.ended[i]))
        self.waits = {i: [j for j in _in_order([None, None, records[i][2]]) if j in inside] for i in filled}
        self.in_part: set[int] = set()

    def build(self) -> None:
        for index in sorted(self.members, key=lambda i: (self.kinds[i].late, self.ended[i])):
            self.make(index)
        while self.pending:
            left = len(self.pending)
            self.fill_ready()
            if len(self.pending) == left and not self.fill_one(self.pending.pop(0)):
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
        unfilled = set(self.pending)
        waiting: list[int] = []
        blocked = _RUNS_USER_CODE + 1
        for index in self.pending:
            level = self.level[index]
            # Nothing that runs code before what comes earlier: it would look at what is not filled yet.
            if level > blocked or level == blocked == _RUNS_USER_CODE or self.asks_for_hashes(index, unfilled):
                waiting.append(index)
            elif self.fill_one(index):
                unfilled.discard(index)
            else:
                waiting.append(index)
                blocked = min(blocked, level)
        self.pending = waiting

    def fill_one(self, index: int) -> bool:
        if index not in self.built or any(j not in self.built for j in self.waits[index]):
            return False
        if index in self.in_part:  # all of them again, in their order
            object.__getattribute__(self.built[index], '__dict__').clear()
        _fill(index, self.built[index], self.records[index], self.kinds[index], self.reader)
        return True

    def fill_needs(self, index: int) -> None:
        """Fill what an object is made from, and what `pickle` would have filled for that, whatever its rank.

        An iterator over a dict has its place in a full one only.
        """
        chosen = self.seen_through(index)
        unfilled = set(self.pending)
        waiting: list[int] = []
        for j in self.pending:
            if j in chosen and not self.asks_for_hashes(j, unfilled) and self.fill_one(j):
                unfilled.discard(j)
            else:
                waiting.append(j)
        self.pending = waiting

    def seen_through(self, index: int) -> set[int]:
        """Return what an object is made from, and what is reached from there and comes earlier than the object."""
        found = set(self.whole(index))
        open_ = list(found)
        while open_:
            node = open_.pop()
            new = [j for j in (*self.needs[node], *self.waits.get(node, ())) if self.ended[j] < self.ended[index]]
            new = [j for j in new if j not in found]
            found.update(new)
            open_ += new
        return found

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

    def asks_for_hashes(self, index: int, unfilled: Collection[int]) -> bool:
        """Return whether filling an object asks one for its hash that may look at what is not filled yet."""
        if self.rank[index] < _ASKS_FOR_HASHES:
            return False
        open_ = [j for j in self.hashed(index) if not self.has_plain_hash(j)]
        found = set(open_)
        while open_:
            node = open_.pop()
            if node in unfilled and node != index:
                return True
            new = {j for j in (*self.needs[node], *self.waits.get(node, ())) if not self.has_plain_hash(j)} - found
            found |= new
            open_ += new
        return False

    def hashed(self, index: int) -> list[int]:
        """Return the keys of a dict, the items of a set, that are in the circle."""
        rest = self.records[index][2]
        if isinstance(rest, dict):
            keys = [*rest.get('pairs', ())[::2], *rest.get('items', ())]
        else:
            keys = rest[::2] if self.kinds[index].name == 'dict' else rest
        return [j for j in refs_in(keys) if j in self.needs]

    def has_plain_hash(self, index: int) -> bool:
        """Return whether an object that was made has a hash that does not depend on what it is filled with."""
        return index in self.built and type(self.built[index]).__hash__ in _PLAIN_HASHES
