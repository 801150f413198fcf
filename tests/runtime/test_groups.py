"""`except*` with exception groups that say themselves how they are split."""

import sys

import pytest

from aiida_dreamflow.runtime.groups import split_group

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason='Python 3.10 has no exception groups')


@pytest.mark.parametrize(('found', 'said'), [('text', 'a tuple, not str'), ((1,), 'a 2-tuple, got tuple of size 1')])
def test_what_split_must_return(found, said):
    class Odd(ExceptionGroup):  # noqa: F821
        def split(self, *args):
            return found

    with pytest.raises(TypeError, match=said):
        split_group(Odd('odd', [ValueError()]), KeyError)
