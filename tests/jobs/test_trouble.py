"""What is trouble that passes, and what is not."""

from __future__ import annotations

import kiwipy
import pytest

from aiida_dreamflow.jobs.trouble import PassingTroubleError, Undeterred, asking_broker

TROUBLE = [
    RuntimeError('<Connection: "amqp://127.0.0.1"> closed'),
    RuntimeError('Connection was not opened'),
    kiwipy.DeliveryFailed('NO_ROUTE'),
    ConnectionResetError('reset by peer'),
]


@pytest.mark.parametrize('error', TROUBLE)
def test_trouble(error):
    with pytest.raises(PassingTroubleError), asking_broker():
        raise error


@pytest.mark.parametrize('error', [RuntimeError('a fault'), ValueError('closed')])
def test_other_errors(error):
    with pytest.raises(type(error)), asking_broker():
        raise error


def test_news_that_cannot_be_told():
    class Communicator:
        def broadcast_send(self, error):
            raise error

    assert Undeterred(Communicator()).broadcast_send(TROUBLE[0]) is False
    with pytest.raises(ValueError, match='a fault'):
        Undeterred(Communicator()).broadcast_send(ValueError('a fault'))
