"""Children under way that are alike are stored together, and come back one by one."""

from __future__ import annotations

import json

import pytest

from aiida_dreamflow import as_completed, checkpoint, gather, submit, wait
from aiida_dreamflow.runtime import Agenda, Handle
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.values.crowds import Crowd, CrowdCodec, gathered, members, scattered
from aiida_dreamflow.values.frame_codecs import KeptCodec
from aiida_dreamflow.values.snapshot import decode, encode


def handles_of(*labels, target='f'):
    agenda = Agenda()
    return [Handle(agenda, label, target, {}) for label in labels]


def through(roots, pending):
    """Return what is stored of some handles, and the handles again."""
    crowds = CrowdCodec()
    crowds.know(pending)
    snapshot = encode({'pending': pending, **roots}, [crowds, KeptCodec()])
    agenda = Agenda()
    found = decode(json.loads(json.dumps(snapshot.document)), {}.__getitem__, [CrowdCodec(agenda), KeptCodec(agenda)])
    return snapshot, found, agenda


def test_alike():
    handles = handles_of(*(f'f_{number}' for number in range(1, 1001)))
    pending = gathered(handles)
    assert [type(each) for each in pending] == [Crowd]
    assert [*members(pending)] == scattered(pending) == handles
    snapshot, found, agenda = through({'third': handles[2], 'some': handles[5:7]}, pending)
    again = scattered(found['pending'])
    assert [handle.label for handle in again] == [handle.label for handle in handles]
    assert found['third'] is again[2]
    assert all(one is other for one, other in zip(found['some'], again[5:7], strict=True))
    assert all(handle.target == 'f' and not handle.watchers and handle.agenda is agenda for handle in again)
    assert len(json.dumps(snapshot.document)) < 1000


@pytest.mark.parametrize('labels', [['a', 'b_01', 'b_1', 'b_2', 'b_4', '_3', '_4', 'b_', '7', 'é_9', 'é_10', 'x\n_1']])
def test_any_labels(labels):
    _, found, _ = through({}, gathered(handles_of(*labels)))
    assert [handle.label for handle in scattered(found['pending'])] == labels


def test_what_is_different_stands_for_itself():
    handles = handles_of(*(f'f_{number}' for number in range(30)))
    handles[10].held = True
    handles[20].asked = True
    handles[21].origins = ['somewhere']
    handles[22].set_result(5)
    pending = gathered(handles)
    assert scattered(pending) == handles
    assert [len(each.handles) if type(each) is Crowd else each.label for each in pending] == [
        10,
        'f_10',
        9,
        'f_20',
        'f_21',
        'f_22',
        *(f'f_{number}' for number in range(23, 30)),
    ]
    _, found, _ = through({}, pending)
    again = scattered(found['pending'])
    assert [again[10].held, again[20].asked, again[21].origins, vars(again[22])['value']] == [
        True,
        True,
        ['somewhere'],
        5,
    ]


def double(x):
    return 2 * x


async def takes_all():
    handles = [submit(double, x=x) for x in range(30)]
    first, others = handles[3], {'some': handles[::7]}
    await checkpoint()
    seen = []
    async for handle in as_completed(handles):
        seen.append(await handle)
        assert any(handle is each for each in handles)
    assert others['some'][0] is handles[0]
    assert first is handles[3]
    return sorted(seen), await first


async def takes_some():
    handles = [submit(double, x=x) for x in range(20)]
    done, pending = await wait(handles, return_when='FIRST_COMPLETED')
    assert {*done, *pending} == {*handles}
    return sorted(await gather(*done, *pending)), len({*done, *pending})


@pytest.mark.parametrize(
    ('function', 'expected'),
    [
        (takes_all, ([2 * x for x in range(30)], 6)),
        (takes_some, ([2 * x for x in range(20)], 20)),
    ],
)
def test_in_a_workflow(function, expected):
    assert run_in_memory(function, restart=True) == run_in_memory(function, restart=False) == expected
