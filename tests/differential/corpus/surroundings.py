"""What is changed of the process, and holds across awaits."""

import contextlib
import decimal
import io
import os
import sys
import tempfile
import unittest
import warnings
from unittest import mock

import numpy as np

from aiida_dreamflow import checkpoint


async def do_redirect():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        print('one')
        await checkpoint()
        print('two')
    print('three')
    await checkpoint()
    return printed.getvalue()


async def do_redirect_by_hand():
    kept, sys.stderr = sys.stderr, io.StringIO()
    try:
        await checkpoint()
        print('one', file=sys.stderr)
        await checkpoint()
        text = sys.stderr.getvalue()
    finally:
        sys.stderr = kept
    await checkpoint()
    return text, sys.stderr is kept


async def do_warnings():
    before = warnings.filters[:]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        await checkpoint()
        warnings.warn('one', stacklevel=1)
        await checkpoint()
        warnings.warn('two', stacklevel=1)
    await checkpoint()
    return [str(each.message) for each in caught], warnings.filters == before


async def do_warnings_become_errors():
    with warnings.catch_warnings():
        await checkpoint()
        warnings.simplefilter('error')
        await checkpoint()
        try:
            warnings.warn('one', stacklevel=1)
        except UserWarning as error:
            return str(error)


async def do_folder():
    before = os.getcwd()
    os.chdir(tempfile.gettempdir())
    await checkpoint()
    there = os.path.samefile(os.getcwd(), tempfile.gettempdir())
    os.chdir(before)
    await checkpoint()
    return there, os.getcwd() == before


async def do_environment():
    os.environ['DREAMFLOW_TRIED'] = 'yes'
    await checkpoint()
    seen = os.environ.pop('DREAMFLOW_TRIED')
    await checkpoint()
    return seen, 'DREAMFLOW_TRIED' in os.environ


async def do_assertions_of_unittest():
    case = unittest.TestCase()
    with case.assertWarns(DeprecationWarning) as warned:
        await checkpoint()
        warnings.warn('old', DeprecationWarning, stacklevel=1)
    await checkpoint()
    with case.assertRaises(ValueError) as raised:
        await checkpoint()
        int('x')
    await checkpoint()
    with case.subTest(i=1):
        await checkpoint()
    return str(warned.warning), str(raised.exception)


async def do_patches():
    class Some:
        @classmethod
        def of_class(cls):
            return 'own'

        def of_object(self):
            return 'own'

    exists, seen = os.path.exists, []
    with mock.patch('os.getcwd', return_value='/nowhere') as folder, mock.patch.object(os.path, 'exists') as found:
        await checkpoint()
        seen += [os.getcwd(), os.path.exists('a') is found.return_value]
        await checkpoint()
        found.assert_called_once_with('a')
    await checkpoint()
    seen += [folder.called, os.path.exists is exists]
    with mock.patch.object(Some, 'of_class', return_value=2), mock.patch.object(Some, 'of_object', new=lambda self: 6):
        await checkpoint()
        seen += [Some.of_class(), Some().of_object()]
    await checkpoint()
    seen += [Some.of_class(), Some().of_object()]
    with mock.patch.dict(os.environ, {'DREAMFLOW_TRIED': '1'}):
        await checkpoint()
        seen.append(os.environ['DREAMFLOW_TRIED'])
    return seen, 'DREAMFLOW_TRIED' in os.environ


async def do_mocks():
    made = mock.MagicMock(name='made')
    made.method.return_value = 3
    await checkpoint()
    made.method(1)
    await checkpoint()
    made.method.assert_called_once_with(1)
    return made.method(2), made.mock_calls, mock.sentinel.some is mock.sentinel.some


async def do_decimal_context_that_only_a_with_holds():
    with decimal.localcontext() as context:
        clear = context.clear_traps
        del context
        await checkpoint()
        clear()
        await checkpoint()
        inside = str(decimal.Decimal(1) / 0)
    await checkpoint()
    try:
        decimal.Decimal(1) / 0
    except decimal.DivisionByZero:
        return inside


async def do_decimal_context():
    before = decimal.getcontext()
    decimal.setcontext(decimal.Context(prec=5))
    await checkpoint()
    context = decimal.getcontext()
    first = decimal.Decimal(1) / 3
    await checkpoint()
    context.prec = 7
    second = decimal.Decimal(1) / 3
    is_own = decimal.getcontext() is context
    await checkpoint()
    flag = context.flags[decimal.Inexact]
    decimal.setcontext(before)
    await checkpoint()
    return str(first), str(second), is_own, flag, str(decimal.Decimal(1) / 3)


async def do_numpy_settings():
    errors, printing = np.seterr(divide='raise'), np.get_printoptions()
    np.set_printoptions(precision=3)
    for _ in range(3):  # so that it goes to another process on its way
        await checkpoint()
    try:
        np.ones(1) / np.zeros(1)
    except FloatingPointError as error:
        raised = str(error)
    shown = str(np.array([1 / 3]))
    np.seterr(**errors)
    np.set_printoptions(**printing)
    await checkpoint()
    return raised, shown, np.geterr() == errors, np.get_printoptions() == printing
