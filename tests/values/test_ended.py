"""Files, threads and programs come back once nothing of them runs, as the refusals of those that do advise."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading

import pytest
from values.graphs import back

from aiida_dreamflow.exceptions import CannotStoreError


def told(file):
    """What a closed file still says."""
    layers = [file, getattr(file, 'buffer', None), getattr(getattr(file, 'buffer', file), 'raw', None)]
    names = ('name', 'mode', 'encoding', 'errors', 'newlines', 'line_buffering', 'closed')
    return repr(file), [{name: getattr(layer, name, None) for name in names} for layer in layers]


@pytest.mark.parametrize(
    ('mode', 'options'),
    [
        ('r', {}),
        ('w', {'encoding': 'latin-1', 'errors': 'replace', 'buffering': 1}),
        ('x', {}),
        ('a+', {'newline': ''}),
        ('rb', {}),
        ('r+b', {}),
        ('wb', {'buffering': 0}),
        ('xb', {'buffering': 0}),
    ],
)
def test_closed_files(tmp_path, mode, options):
    path = tmp_path / 'file'
    if 'x' not in mode:
        path.write_bytes(b'one\r\ntwo\n')
    with open(path, mode, **options) as file:
        if 'r' in mode:
            file.read()
    file_again, same, buffer = back([file, file, getattr(file, 'buffer', None)])
    assert type(file_again) is type(file)
    assert file_again is same
    assert buffer is getattr(file_again, 'buffer', None)
    assert told(file_again) == told(file)
    with pytest.raises(ValueError, match='closed'):
        file_again.read()
    file_again.close()


def test_what_is_made_again_leaves_nothing_open(tmp_path):
    with open(tmp_path / 'file', 'w') as file:
        pass
    before = len(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else 0
    kept = [back(file) for _ in range(5)]
    after = len(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else 0
    assert len(kept) == 5
    assert before == after


def test_a_file_without_its_buffer():
    file = io.TextIOWrapper(io.BytesIO())
    file.detach()
    with pytest.raises(CannotStoreError, match='open file'):
        back(file)


def test_a_temporary_file_in_memory():
    file = tempfile.SpooledTemporaryFile(max_size=10)
    file.write(b'abc')
    again = back(file)
    again.seek(0)
    assert again.read() == b'abc'
    again.write(b'more than ten')
    assert again._rolled
    with pytest.raises(CannotStoreError, match='file cannot be stored'):
        back(again)
    again.close()
    file.close()


class Squares(threading.Thread):
    """One of whom wants a thread."""

    def __init__(self, n: int) -> None:
        super().__init__(name=f'square of {n}', daemon=True)
        self.n, self.found = n, None

    def run(self):
        self.found = self.n**2


def test_threads():
    threads = [Squares(2), Squares(3)]
    threads[0].start()
    threads[0].join()
    ended, fresh = back(threads)
    assert (ended.found, ended.is_alive(), ended.ident) == (4, False, threads[0].ident)
    with pytest.raises(RuntimeError, match='once'):
        ended.start()
    ended.join()
    assert (fresh.name, fresh.daemon, fresh.found, fresh.ident) == ('square of 3', True, None, None)
    fresh.start()
    fresh.join()
    assert fresh.found == 9
    assert vars(ended).keys() == vars(threads[0]).keys()


def test_a_thread_is_given_what_it_shall_do():
    done = []
    thread, done_again = back([threading.Thread(target=done.append, args=(1,)), done])
    thread.start()
    thread.join()
    assert (done, done_again) == ([], [1])


def test_a_timer():
    done = []
    timer = threading.Timer(0.001, done.append, [1])
    timer.start()
    timer.join()
    again = back(timer)
    assert (again.interval, again.finished.is_set(), again.is_alive(), done) == (0.001, True, False, [1])


def test_a_thread_that_runs_is_refused():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(CannotStoreError, match='join it before the await'):
            back(thread)
    finally:
        stop.set()
        thread.join()


def test_programs():
    program = subprocess.Popen([sys.executable, '-c', 'print(1); exit(3)'], stdout=subprocess.PIPE, text=True)
    with pytest.raises(CannotStoreError, match='wait for its end'):
        back(program)
    output, _ = program.communicate()
    again = back(program)
    assert (output, again.returncode, again.poll(), again.wait(), again.args) == ('1\n', 3, 3, 3, program.args)
    assert again.stdout.closed
    assert again.pid == program.pid
