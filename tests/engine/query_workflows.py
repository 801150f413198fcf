"""Workflow functions that go through the database, or keep something open in it, over an await."""

from __future__ import annotations

import weakref

from aiida import orm
from aiida.manage import get_manager

from aiida_dreamflow import checkpoint, sleep, workflow

#: What the workflows below keep where no frame sees it.
kept: list[object] = []
LABEL = 'nodes to go through'


def nodes():
    """A query for the nodes of the group."""
    builder = orm.QueryBuilder().append(orm.Group, filters={'label': LABEL}, tag='group')
    return builder.append(orm.Node, with_group='group', project='*').order_by({orm.Node: {'id': 'asc'}})


def storage():
    return get_manager().get_profile_storage()


@workflow
async def iterall():
    seen = []
    for (node,) in nodes().iterall():
        await checkpoint()
        seen.append(node.value)
    return seen


@workflow
async def built():
    query = nodes().limit(2)
    first = query.first(flat=True)
    await checkpoint()
    return [first.value, *(node.value for node in query.all(flat=True)), query.count()]


@workflow
async def slowly():
    seen = []
    for (node,) in nodes().iterall():
        await sleep(1)
        seen.append(node.value)
    return seen


@workflow
async def iterdict():
    seen = []
    for number, row in enumerate(nodes().iterdict(batch_size=1)):
        await checkpoint()
        seen.append([number, row['node_1']['*'].value])
    return seen


@workflow
async def of_group():
    seen = []
    found = orm.load_group(LABEL).nodes
    for node in found:
        await checkpoint()
        seen.append(node.value)
    return [seen, len(found), found[0].value]


@workflow
async def some_of_many(label):
    seen = []
    for node in orm.load_group(label).nodes:
        await checkpoint()
        seen.append(node.value)
        if len(seen) == 5:
            break
    return node.value


@workflow
async def nested():
    seen = []
    for (one,) in nodes().iterall(batch_size=1):
        for (other,) in nodes().iterall(batch_size=1):
            await checkpoint()
            seen.append(10 * one.value + other.value)
    return seen


def walk():
    for (node,) in nodes().iterall():
        yield node


async def through_generator():
    seen = []
    for node, (same,) in zip(walk(), nodes().iterall()):  # noqa: B905
        await checkpoint()
        seen.append(node.value + same.value)
    return seen


@workflow
async def in_helper():
    return await through_generator()


@workflow
async def by_hand():
    rows = nodes().iterall()
    first = next(rows)
    await checkpoint()
    second = next(rows)
    rows.close()
    return [first[0].value, second[0].value, *rows]


@workflow
async def stores_meanwhile():
    for (node,) in nodes().iterall():
        node.base.extras.set('seen', node.value)
        made = orm.Int(node.value + 100).store()
        await checkpoint()
    return made


@workflow
async def with_transaction():
    with storage().transaction():
        orm.Int(77).store()
        await checkpoint()


@workflow
async def with_savepoint():
    with storage().get_session().begin_nested():
        await checkpoint()


@workflow
async def kept_iterator():
    kept.append(nodes().iterall())
    next(kept[-1])
    await checkpoint()


@workflow
async def kept_savepoint():
    kept.append(storage().get_session().begin_nested())
    await checkpoint()


@workflow
async def kept_to_the_end():
    kept.append(nodes().iterall())
    next(kept[-1])


@workflow
async def raises():
    kept.append(nodes().iterall())
    for (node,) in kept[-1]:
        node.base.extras.set('undone', True)
        raise KeyError('in the loop')


@workflow
async def left_early():
    for (node,) in nodes().iterall():
        break
    await checkpoint()
    return node.value


@workflow
async def caught():
    try:
        orm.Int(1, label='\ud800').store()
    except UnicodeEncodeError:
        pass
    was_broken = not storage().get_session().is_active
    await checkpoint()
    return [was_broken, orm.Int(2).store().value]


class Thing:
    pass


@workflow
async def dead_proxy():
    """A variable that raises whatever it is asked."""
    proxy = weakref.proxy(Thing())
    await checkpoint()
    return type(proxy) is weakref.ProxyType
