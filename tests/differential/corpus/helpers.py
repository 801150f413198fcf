"""What the functions of the corpus await and call."""

from __future__ import annotations

from aiida_dreamflow import checkpoint


async def t(value=None):
    """Say so, wait, and give the value."""
    print('<', value)
    await checkpoint()
    print('>', value)
    return value


async def fail(error):
    """Wait and raise."""
    await checkpoint()
    raise error


async def quiet(value=None):
    await checkpoint()
    return value


def say(value):
    print('say', value)
    return value


def boom(message='boom'):
    raise ValueError(message)


class Manager:
    def __init__(self, name, swallow=False, fail=None):
        self.name, self.swallow, self.fail = name, swallow, fail

    def __enter__(self):
        print('enter', self.name)
        if self.fail == 'enter':
            raise KeyError(self.name)
        return self.name

    def __exit__(self, kind, error, traceback):
        print('exit', self.name, kind and kind.__name__, error, error is None or error.__traceback__ is traceback)
        if self.fail == 'exit':
            raise KeyError(self.name)
        return self.swallow


class AsyncManager:
    def __init__(self, name, swallow=False):
        self.name, self.swallow = name, swallow

    async def __aenter__(self):
        await t(f'aenter {self.name}')
        return self.name

    async def __aexit__(self, kind, error, traceback):
        await t(f'aexit {self.name} {kind and kind.__name__} {error}')
        return self.swallow


class Noisy:
    """Says which of its operations are used."""

    def __init__(self, name='noisy'):
        self.name = name
        self.items = {}

    def __getitem__(self, key):
        print(self.name, 'getitem', key)
        return self.items.get(key, 0)

    def __setitem__(self, key, value):
        print(self.name, 'setitem', key, value)
        self.items[key] = value

    def __delitem__(self, key):
        print(self.name, 'delitem', key)

    def __getattr__(self, name):
        if name.startswith('__') or name in ('items', 'name'):
            raise AttributeError(name)
        print(self.name, 'getattr', name)
        return lambda *args, **kwargs: print(self.name, name, args, kwargs)

    def __bool__(self):
        print(self.name, 'bool')
        return True

    def __iadd__(self, other):
        print(self.name, 'iadd', other)
        return self

    def __lt__(self, other):
        print(self.name, '<', other)
        return True

    def __repr__(self):
        return self.name
