"""Weak references, their callbacks, and `__del__`; locks; what the annotations of a nested function refer to."""

import array
import gc
import queue
import threading
import traceback
import weakref

from aiida_dreamflow import checkpoint


class Thing:
    def __init__(self, name):
        self.name = name

    def method(self):
        return self.name


class Noisy(Thing):
    def __del__(self):
        print('del', self.name)


async def do_reference():
    thing = Thing('a')
    reference = weakref.ref(thing)
    await checkpoint()
    seen = [reference() is thing, weakref.ref(thing) is reference]
    await checkpoint()
    del thing
    gc.collect()
    seen.append(reference())
    await checkpoint()
    return seen, reference()


async def do_callback():
    seen = []
    thing = Thing('a')
    reference = weakref.ref(thing, lambda reference: seen.append('gone'))
    await checkpoint()
    seen.append(reference().name)
    await checkpoint()
    del thing
    seen.append('deleted')
    await checkpoint()
    return seen, reference()


async def do_proxy():
    thing = Thing('a')
    proxy = weakref.proxy(thing)
    await checkpoint()
    proxy.name = 'b'
    seen = [thing.name, type(proxy).__name__]
    del thing
    await checkpoint()
    try:
        proxy.name  # noqa: B018
    except ReferenceError as error:
        seen.append(str(error))
    return seen


async def do_weak_containers():
    things = [Thing('a'), Thing('b')]
    keys = weakref.WeakKeyDictionary({thing: thing.name for thing in things})
    values = weakref.WeakValueDictionary({thing.name: thing for thing in things})
    some = weakref.WeakSet(things)
    method = weakref.WeakMethod(things[0].method)
    await checkpoint()
    seen = [keys[things[1]], values['a'] is things[0], things[0] in some, len(some), method()()]
    await checkpoint()
    things.pop()
    seen.append((len(keys), len(values), len(some)))
    await checkpoint()
    things.pop()
    return seen, len(keys), len(values), len(some), method()


async def do_dead_as_a_key():
    thing = Thing('a')
    reference = weakref.ref(thing)
    known = {reference: 1}
    del thing
    await checkpoint()
    return known[reference], reference in {reference}


async def do_class_of_references():
    class Named(weakref.ref):
        __slots__ = ('name',)

        def __new__(cls, thing, callback=None, name=''):
            self = super().__new__(cls, thing, callback)
            self.name = name
            return self

        def __init__(self, thing, callback=None, name=''):
            super().__init__(thing, callback)

    thing = Thing('a')
    reference = Named(thing, name='n')
    await checkpoint()
    return reference() is thing, reference.name, type(reference) is Named


async def do_finalizer_runs_once():
    noisy = Noisy('a')
    await checkpoint()
    print('before')
    await checkpoint()
    del noisy
    print('after')
    await checkpoint()


async def do_in_a_circle():
    thing = Thing('a')
    thing.itself = weakref.ref(thing)
    await checkpoint()
    return thing.itself() is thing


async def do_keeps_what_only_a_container_holds():
    holder = [Thing('a')]
    reference = weakref.ref(holder[0])
    other = (reference, 1)
    await checkpoint()
    return other[0]() is holder[0], other[0] is reference


async def do_circle_that_nobody_holds():
    thing, kept = Thing('a'), list(range(100))
    thing.itself, seen = thing, []
    reference = weakref.ref(thing, lambda reference: seen.append('gone'))
    kept.append(thing.name)
    del thing
    await checkpoint()
    gc.collect()
    kept.append(reference())
    await checkpoint()
    return kept, seen, reference() is None


async def do_two_lists_of_a_class_of_the_function():
    class Local:
        mark = 1

        def made_by(self):
            return Local

    many = [Local() for _ in range(9)]
    same, pairs = many[:], [(each, [each]) for each in many]
    await checkpoint()
    Local.mark = 2
    many.append(Local())
    await checkpoint()
    return [
        (type(each) is Local, each.made_by() is Local, each.mark, each in many)
        for each in (*many, *same, *(each for each, _ in pairs))
    ]


async def do_locks():
    lock, again, event, waiting = threading.Lock(), threading.RLock(), threading.Event(), queue.Queue()
    waiting.put(3)
    await checkpoint()
    with lock, again:
        event.set()
    await checkpoint()
    return lock.locked(), event.is_set(), waiting.get()


async def do_annotation_names_a_local():
    kind = int | str
    await checkpoint()

    def function(x: kind, *rest: kind, named: kind = 1, **others: kind) -> kind: ...

    await checkpoint()
    return function.__annotations__


async def do_same_text_and_number():
    text, number = 'some text', 1000.5
    pair = [text, number, 12345]
    await checkpoint()
    return pair[0] is text, pair[1] is number


async def do_namespaces(a=1, *, k=2):
    seen = [sorted(locals())]
    b = 3
    await checkpoint()
    found = locals()
    seen.append({name: value for name, value in found.items() if name not in ('seen', 'found')})
    await checkpoint()
    seen.append(eval('a + b'))

    def inner():
        return b

    del k
    await checkpoint()
    seen += [sorted(vars()), dir(), '%(a)s %(b)s' % locals(), list(locals())]
    exec('made = a + 1')
    try:
        seen.append(eval('made'))
    except NameError as error:
        seen.append(str(error))
    for _i in range(2):
        seen.append(eval(await given('_i')))
    return seen, 'error' in locals()


async def given(value):
    await checkpoint()
    return value


def divided(x):
    return (x + 1) / (x - 1)


async def do_carets_of_a_traceback():
    try:
        divided(divided(2) - 2)
    except ZeroDivisionError as error:
        before = traceback.format_exception(error)
        await checkpoint()
        return before == traceback.format_exception(error), [line.count('^') for line in before[1:-1]][1:]


async def do_memory_views():
    data, numbers = bytearray(range(40)), array.array('i', range(10))
    view = memoryview(data)
    views = [view, view[3:9], view[20:2:-3], view[1::4], view.toreadonly(), view.cast('i'), view[4:4]]
    views += [memoryview(numbers), memoryview(numbers)[2:8:2], memoryview(numbers)[::-1], view[8:32].cast('h', [3, 4])]
    await checkpoint()
    views[1][0] = 99
    seen = [(each.tolist(), each.format, each.shape, each.strides, each.readonly) for each in views]
    return seen, data[3], all(each.obj is data or each.obj is numbers for each in views)


class Marked:
    mark = Thing('class')


MARK, LIST, NESTED = Thing('module'), [1, 'two'], [[1]]


async def do_what_a_module_holds():
    mark, of_class, items = MARK, Marked.mark, LIST
    await checkpoint()
    seen = [mark is MARK, of_class is Marked.mark, items is LIST, (MARK, await checkpoint())[0] is MARK]
    inner, outer = NESTED[0], NESTED
    await checkpoint()
    return seen, outer[0] is inner


async def do_objects_that_answer_for_others():
    class Proxy:
        def __init__(self, thing):
            self.__thing = thing

        def __getattribute__(self, name):
            if name.startswith('_Proxy__'):
                return object.__getattribute__(self, name)
            return getattr(self.__thing, name)

    class Setting:
        def __set__(self, obj, value):
            obj.refused = value

    class Meta(type):
        attribute = Setting()

    class Made(metaclass=type):
        attribute = 1

    class Of(metaclass=Meta):
        pass

    proxy = Proxy(Thing('a'))
    await checkpoint()
    return type(proxy) is Proxy, proxy.name, isinstance(proxy, Thing), Made.attribute, type(Of) is Meta
