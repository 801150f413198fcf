"""Loops over generators of the standard library, those of modules among them that are frozen into the interpreter."""

import collections.abc
import os
import shutil
import tempfile

from .helpers import t


class Doubled(collections.abc.Mapping):
    def __init__(self, *keys):
        self.keys_there = keys

    def __getitem__(self, key):
        return 2 * key

    def __iter__(self):
        return iter(self.keys_there)

    def __len__(self):
        return len(self.keys_there)


async def do_walk_and_views_of_a_mapping():
    top = tempfile.mkdtemp()
    for name in ('a/b', 'a/c', 'd'):
        os.makedirs(os.path.join(top, name))
    walked = []
    for root, folders, files in os.walk(top):
        folders.sort()
        walked.append((await t(len(folders)), os.path.relpath(root, top), files))
    shutil.rmtree(top)
    items = [(await t(key), value) for key, value in Doubled(1, 2, 3).items()]
    return walked, items, [await t(value) for value in Doubled(4, 5).values()]
