"""A sample of CPython's own tests, woven with await points; `make corpus` runs all of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip('test.test_grammar', reason='the interpreter came without its tests')


@pytest.mark.parametrize('mode', ['statements', 'mixed'])
def test_sample(mode, tmp_path, root):
    report = tmp_path / 'report.json'
    command = [sys.executable, '-m', 'tests.differential.cpython', 'test_named_expressions', 'test_decorators']
    options = ['--mode', mode, '--share', '0.3', '--report', str(report)]
    done = subprocess.run([*command, *options], cwd=root, capture_output=True, text=True)
    verdicts = [case['verdict'] for case in json.loads(report.read_text())['cases']]
    assert 'wrong' not in verdicts, done.stdout
    assert verdicts.count('identical') > 10, done.stdout
