"""What is stored and cannot be loaded again is refused where it would be lost."""

from __future__ import annotations

import pytest

from aiida_dreamflow import checkpoint
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.testing import run_in_memory


class Forgetful:
    """Pickles, and cannot be made from that."""

    def __init__(self, size):
        self.size = size

    def __reduce__(self):
        return Forgetful, ()


async def workflow():
    thing = Forgetful(1)
    await checkpoint()
    return thing


def test_what_cannot_be_made_from_its_pickle_is_refused():
    with pytest.raises(
        CannotStoreError,
        match=r'line 24, in `workflow`: variable `thing`.*cannot be loaded: .*missing 1 required positional argument',
    ):
        run_in_memory(workflow)
