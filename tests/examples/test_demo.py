"""`make demo`, as a newcomer sees it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import psutil
import pytest

pytest.importorskip('egobox', reason='the demonstration needs egobox')
pytestmark = [pytest.mark.daemon, pytest.mark.slow]


def start(root, folder, home):
    return subprocess.Popen(
        [sys.executable, 'examples/demo.py', '--folder', str(folder)],
        cwd=root,
        env={**os.environ, 'HOME': str(home), 'AIIDA_PATH': str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def processes_in(folder):
    """The processes that live in an AiiDA folder: its daemon, its workers, its broker."""
    inside = (str(folder), str(folder / '.aiida'))  # the second is what AiiDA gives to its daemon
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get('AIIDA_PATH') in inside and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_runs_and_cleans_up(root, tmp_path):
    folder, home = tmp_path / 'demo', tmp_path / 'home'
    home.mkdir()
    process = start(root, folder, home)
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert re.search(r'Optimization f=\[-15\.125\d*\] at \[18\.93\d*\]', output), output
    assert re.search(r'done 13/13 done', output), output
    assert re.search(r'\[\d+ of 10\] \d+/\d+ done L\d+ for ', output), output
    assert all(len(line) <= 120 for line in output.splitlines() if ' done ' in line)
    assert f'export AIIDA_PATH={folder}' in output
    pictured = ElementTree.parse(folder / 'provenance.svg').getroot()
    assert len(pictured.findall('.//{http://www.w3.org/2000/svg}g')) > 3 * 13
    assert 'digraph' in (folder / 'provenance.dot').read_text()
    assert processes_in(folder) == []
    assert list(home.iterdir()) == [], "the user's AiiDA was touched"

    listing = subprocess.run(
        ['verdi', 'process', 'list', '-a'],
        env={**os.environ, 'AIIDA_PATH': str(folder)},
        capture_output=True,
        text=True,
    )
    assert 'opt_workflow' in listing.stdout, listing.stdout + listing.stderr


def test_stops_its_daemon_when_stopped(root, tmp_path):
    """A second signal, of one who cannot wait, changes nothing."""
    folder, home = tmp_path / 'demo', tmp_path / 'home'
    home.mkdir()
    process = start(root, folder, home)
    for line in process.stdout:
        if line.startswith('Submitted'):
            break
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=90)
    assert process.returncode == 128 + signal.SIGTERM
    assert processes_in(folder) == []
