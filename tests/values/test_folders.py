"""Entries of folders cross an await, also when their files do not."""

from __future__ import annotations

import os

import pytest
from values.graphs import back

from aiida_dreamflow import checkpoint
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.values.folders import LostEntry
from aiida_dreamflow.values.snapshot import encode


@pytest.fixture
def folder(tmp_path):
    """A folder with a file, a folder, and a link to each of them."""
    (tmp_path / 'file').write_text('x')
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'link').symlink_to('file')
    (tmp_path / 'link to folder').symlink_to('folder')
    return tmp_path


def entries_of(folder):
    with os.scandir(folder) as entries:
        return {entry.name: entry for entry in entries}


def facts(entry):
    followed = [entry.is_dir(), entry.is_file()]
    own = [entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False), entry.is_symlink()]
    return [entry.name, entry.path, os.fspath(entry), repr(entry), entry.inode(), own, followed]


@pytest.mark.parametrize('kind', [str, os.fsencode])
def test_they_come_from_their_folder_again(folder, kind):
    entries = entries_of(kind(folder))
    again = back(entries)
    assert {type(entry) for entry in again.values()} == {os.DirEntry}
    assert [facts(entry) for entry in again.values()] == [facts(entry) for entry in entries.values()]
    assert again.keys() == entries.keys()
    assert all(again[name] is not entries[name] for name in entries)


def test_those_whose_files_are_gone_answer_as_before(folder):
    entries = entries_of(folder)
    known = {name: facts(entry) for name, entry in entries.items() if name != 'link to folder'}
    stat = entries['file'].stat()
    file = folder / 'file'
    file.rename(folder / 'moved')
    file.write_text('another')
    (folder / 'folder').rmdir()
    again = back(entries)
    assert {name for name, entry in again.items() if type(entry) is LostEntry} == {'file', 'folder'}
    assert {name: facts(entry) for name, entry in again.items() if name != 'link to folder'} == known
    assert again['link to folder'].is_dir() is False
    assert again['file'].stat().st_ino != stat.st_ino
    with pytest.raises(FileNotFoundError):
        again['folder'].stat()
    assert [facts(entry) for name, entry in back(again).items() if name != 'link to folder'] == [*known.values()]
    assert not again['file'].is_junction()


def test_an_entry_is_given_to_one_only(folder):
    first, second = entries_of(folder)['file'], entries_of(folder)['file']
    one, other = back([first, second])
    assert facts(one) == facts(other) == facts(first)
    assert one is not other


def test_a_folder_is_looked_into_once(folder, monkeypatch):
    """Whether its files are there or not."""
    for number in range(20):
        (folder / f'file {number}').touch()
    entries = [*entries_of(folder).values()]
    for number in range(10):
        (folder / f'file {number}').unlink()
    looked, scandir = [], os.scandir
    monkeypatch.setattr(os, 'scandir', lambda path: looked.append(path) or scandir(path))
    again = back(entries)
    assert sum(type(entry) is LostEntry for entry in again) == 10
    assert len(looked) == 1
    (folder / 'file 1').touch()
    os.utime(folder, ns=(0, 0))  # within a tick of the clock of the file system, it might have changed at the same time
    assert all(type(entry) is os.DirEntry for entry in back([*entries_of(folder).values()]))


def test_of_a_folder_without_a_path(folder):
    number = os.open(folder, os.O_RDONLY)
    try:
        with pytest.raises(CannotStoreError, match='open it by its path'):
            encode({'v': [*os.scandir(number)]})
    finally:
        os.close(number)


@pytest.mark.parametrize('pattern', ['*.cif', '**/*.cif'])
def test_files_are_moved_while_they_are_looped_over(tmp_path, pattern):
    """The loop that one writes first; the file of each turn is gone after it."""

    async def workflow(folder, done):
        seen = []
        for path in folder.glob(pattern):
            await checkpoint()
            seen.append(path.name)
            path.rename(done / path.name)
            await checkpoint()
        return sorted(seen)

    for name in ('waiting', 'done'):
        (tmp_path / name).mkdir()
    names = [f'{number}.cif' for number in range(5)]
    for name in names:
        (tmp_path / 'waiting' / name).touch()
    assert run_in_memory(workflow, tmp_path / 'waiting', tmp_path / 'done') == names
