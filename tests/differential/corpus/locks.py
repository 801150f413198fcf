"""Tasks that wait for their turn, as under asyncio: Lock, Event, Semaphore; and what shields from cancellation."""

import asyncio

from aiida_dreamflow import (
    BoundedSemaphore,
    Event,
    Lock,
    Semaphore,
    checkpoint,
    create_task,
    gather,
    shield,
    sleep,
    submit,
    wait_for,
)

from .concurrency import double


async def visit(gate, name, seconds=1):
    print('come', name)
    async with gate as given:
        print('in', name, given, gate.locked())
        await sleep(seconds)
        y = await submit(double, x=name)
    print('out', name, gate.locked())
    return y


def named(found):
    return [type(each).__name__ if isinstance(each, BaseException) else each for each in found]


async def do_semaphore():
    gate = Semaphore(2)
    found = await gather(*[visit(gate, name, seconds) for name, seconds in zip('abcde', (3.5, 1, 1, 1, 5))])
    return found, gate.locked()


async def do_lock():
    gate = Lock()
    found = await gather(*[visit(gate, name) for name in 'abc'])
    try:
        gate.release()
    except RuntimeError as error:
        print(error)
    return found, gate.locked()


async def do_acquire_and_release():
    gate = Semaphore(0)

    async def let_in():
        for number in range(3):
            await sleep(1)
            print('release', number)
            gate.release()

    task = create_task(let_in())
    found = [await gate.acquire() for _ in range(3)]
    await task
    return found, gate.locked()


async def do_bounded():
    gate = BoundedSemaphore(1)
    await gate.acquire()
    gate.release()
    try:
        gate.release()
    except ValueError as error:
        print(error)
    try:
        Semaphore(-1)
    except ValueError as error:
        print(error)


async def do_cancelled_while_it_waits():
    for gate in (Semaphore(1), Lock()):
        first, second, third = [create_task(visit(gate, name)) for name in 'abc']
        await checkpoint()
        second.cancel()
        print(named(await gather(first, second, third, return_exceptions=True)))


async def do_cancelled_when_its_turn_has_come():
    for gate in (Semaphore(1), Lock()):
        await gate.acquire()
        first, second = [create_task(visit(gate, name)) for name in 'ab']
        await checkpoint()
        gate.release()
        first.cancel()
        print(gate.locked())
        print(named(await gather(first, second, return_exceptions=True)))
        print(gate.locked())


async def do_time_passes():
    gate = Lock()
    async with gate:
        try:
            await wait_for(gate.acquire(), 2)
        except TimeoutError:
            print('too late', gate.locked())
    async with gate:
        print('free')


async def do_who_comes_between_waits():
    gate = Semaphore(1)
    await gate.acquire()
    task = create_task(visit(gate, 'a'))
    await checkpoint()
    gate.release()
    print(gate.locked())
    await visit(gate, 'b')
    await task


async def do_event():
    event = Event()

    async def waits(name):
        print('waits', name, event.is_set())
        print('gets', name, await event.wait())
        await checkpoint()
        return name

    tasks = [create_task(waits(name)) for name in 'ab']
    await sleep(1)
    event.set()
    event.set()
    print(event.is_set())
    last = await waits('c')
    found = await gather(*tasks)
    event.clear()
    print(event.is_set())
    task = create_task(waits('d'))
    await checkpoint()
    task.cancel()
    print(named(await gather(task, return_exceptions=True)))
    return found, last


async def do_shield():
    async def works():
        try:
            await sleep(3)
        except asyncio.CancelledError:
            print('cancelled')
            raise
        print('done')
        return 7

    task = create_task(works())
    try:
        await wait_for(shield(task), 1)
    except TimeoutError:
        print('late', task.done())
    return await shield(task), await shield(task)


async def do_shield_fails():
    async def fails():
        await checkpoint()
        raise KeyError('x')

    try:
        await shield(fails())
    except KeyError as error:
        print(error)
    task = create_task(fails())
    task.cancel()
    try:
        await shield(task)
    except asyncio.CancelledError:
        print('cancelled', task.cancelled())
