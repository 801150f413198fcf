"""What the loggers of the process had before a workflow began is theirs; what it gives them itself is refused."""

from __future__ import annotations

import io
import logging
import logging.handlers
import queue
import sys

import pytest
from values.graphs import back

from aiida_dreamflow import checkpoint
from aiida_dreamflow.exceptions import CannotStoreError, FrameError
from aiida_dreamflow.runtime.loggers import in_use
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.values.logs import LogsCodec
from aiida_dreamflow.values.snapshot import decode, encode

LOGGER = logging.getLogger('dreamflow.tests.logs')


@pytest.fixture
def handler():
    """A handler with a filter of the logger."""
    handler, only = logging.StreamHandler(io.StringIO()), logging.Filter()
    LOGGER.addHandler(handler)
    LOGGER.addFilter(only)
    yield handler
    LOGGER.removeHandler(handler)
    LOGGER.removeFilter(only)


def test_what_was_there_before(handler):
    async def workflow(handler, stream):
        only = LOGGER.filters[-1]
        await checkpoint()
        LOGGER.warning('%s', 'heard')
        await checkpoint()
        same = [handler is LOGGER.handlers[-1], stream is handler.stream, only is LOGGER.filters[-1]]
        LOGGER.removeHandler(handler)
        await checkpoint()
        return same, stream.getvalue(), handler.stream is stream

    assert run_in_memory(workflow, handler, handler.stream) == ([True] * 3, 'heard\n', True)


def test_what_the_workflow_has_added():
    async def workflow(logger):
        handler = logging.StreamHandler(io.StringIO())
        logger.addHandler(handler)
        try:
            await checkpoint()
        finally:
            logger.removeHandler(handler)

    with pytest.raises(CannotStoreError, match='would not know the copy'):
        run_in_memory(workflow, logging.getLogger('dreamflow.tests.logs.added'))


def test_where_the_logger_has_something_else(handler):
    document, codecs = encode({'handler': handler}, [LogsCodec({id(handler): handler})]).document, [LogsCodec()]
    assert decode(document, {}.__getitem__, codecs)['handler'] is handler
    LOGGER.removeHandler(handler)
    try:
        with pytest.raises(FrameError, match=r"getLogger\('dreamflow.tests.logs'\).handlers\[0\]` is not what it was"):
            decode(document, {}.__getitem__, codecs)
    finally:
        LOGGER.addHandler(handler)


def test_what_a_handler_has(handler):
    """A frame has no copy of the queue of a handler."""
    queue_of = logging.handlers.QueueHandler(queue.SimpleQueue())
    queue_of.buffer, queue_of.options, queue_of.kind, queue_of.error = [], (), dict, sys.stderr
    LOGGER.addHandler(queue_of)

    for other in ((), dict, sys.stderr):
        assert LogsCodec({id(used): used for _, used in in_use()}).encode(other, lambda value: None) is None

    async def workflow(queue, buffer):
        LOGGER.warning('heard')
        await checkpoint()
        buffer.append(1)
        await checkpoint()
        return queue.get_nowait().msg

    try:
        assert run_in_memory(workflow, queue_of.queue, queue_of.buffer) == 'heard'
        assert queue_of.buffer == [1]
    finally:
        LOGGER.removeHandler(queue_of)


def test_a_logger_without_a_name():
    logger = logging.Logger('nobody knows it', level=7)
    logger.addHandler(logging.NullHandler())
    twin, same, manager = back([logger, LOGGER, LOGGER.manager])
    assert same is LOGGER
    assert manager is LOGGER.manager
    assert (twin.name, twin.level, type(twin.handlers[0])) == ('nobody knows it', 7, logging.NullHandler)
