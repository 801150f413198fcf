"""The command `dreamflow doctor`."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from aiida_dreamflow.cli import doctors, dreamflow

pytestmark = pytest.mark.usefixtures('profile')


def test_says_what_is_found(profile):
    done = CliRunner().invoke(dreamflow, ['doctor'])
    lines = done.output.splitlines()
    assert any(line.startswith('ok   versions   aiida-dreamflow ') for line in lines), done.output
    assert any('profile    tests' in line for line in lines)
    assert any('localhost (core.local, core.direct), Python 3' in line for line in lines)
    assert any('leases' in line for line in lines)


def test_a_daemon_that_does_not_run(profile, monkeypatch):
    from aiida.engine.daemon import client

    monkeypatch.setattr(client.DaemonClient, 'is_daemon_running', property(lambda self: False))
    found = {finding.what: finding for finding in doctors.findings()}
    assert found['daemon'].advice == '`verdi daemon start`'


def test_a_computer_that_cannot_be_reached(profile, monkeypatch):
    from aiida import orm

    def refuse(self, *_):
        raise OSError('no route to host')

    monkeypatch.setattr(orm.Computer, 'get_transport', refuse)
    found = [finding for finding in doctors.findings() if finding.what == 'computer']
    assert [finding.state for finding in found] == ['bad'] * len(found)
    assert 'no route to host' in found[0].text
    done = CliRunner().invoke(dreamflow, ['doctor'])
    assert done.exit_code == 1


def test_a_check_that_raises(profile, monkeypatch):
    monkeypatch.setattr(doctors, '_broker', lambda: 1 / 0)
    found = {finding.what: finding for finding in doctors.findings()}
    assert 'ZeroDivisionError' in found['broker'].text
