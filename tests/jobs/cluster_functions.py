"""Functions for jobs on a cluster; what they import at the top, its Python has not."""

import importlib.util
import os
import pathlib
import subprocess
import sys
import time

import numpy as np


def surroundings(x):
    print(f'computing with {x}')
    job = os.environ['SLURM_JOB_ID']
    shown = subprocess.run(['scontrol', 'show', 'job', job], stdout=subprocess.PIPE, check=True).stdout.decode()
    return {
        'x': x,
        'user': subprocess.run(['id', '-un'], stdout=subprocess.PIPE, check=True).stdout.decode().strip(),
        'greeting': os.environ.get('GREETING'),
        'job': dict(word.split('=', 1) for word in shown.split() if '=' in word),
        'has': [name for name in ('aiida', 'aiida_dreamflow', 'numpy') if importlib.util.find_spec(name)],
    }


def version(x):
    return sys.version_info[:2], x


def sizes(single, folder):
    paths = [single, *folder.rglob('*')]
    return {path.name: path.stat().st_size for path in paths if path.is_file()}


def sleep(seconds):
    time.sleep(seconds)


def scaled(x):
    return np.asarray(x) * 2


def cancels_itself():
    subprocess.run(['scancel', os.environ['SLURM_JOB_ID']], check=True)
    time.sleep(60)


def ends_now():
    end = time.strftime('%Y-%m-%dT%H:%M:%S', time.localtime(time.time() + 1))
    subprocess.run(['scontrol', 'update', f'job={os.environ["SLURM_JOB_ID"]}', f'EndTime={end}'], check=True)
    time.sleep(150)


def lasts(x):
    """Use up the time when the other items are done."""
    while x == 2 and open('items.jsonl').read().count('\n') < 2:
        time.sleep(0.05)
    if x == 2:
        ends_now()
    return x


def fills_memory(megabytes):
    held = bytearray(megabytes * 2**20)
    for start in range(0, len(held), 4096):
        held[start] = 1
    time.sleep(60)


def text_of(size):
    return 'x' * size


def writes(size):
    with open('large', 'wb') as file:
        file.write(b'x' * size)


def writes_files(path):
    os.makedirs('made/deep')
    with open('made/deep/b', 'w') as file:
        file.write('22')
    return pathlib.Path(path)


def add(x, y):
    return x + y


def where(x):
    time.sleep(0.2)
    return x, os.getpid()


def meets(n):
    """Wait for all others; return their ranks."""
    open('rank-' + os.environ['SLURM_PROCID'], 'w').close()
    end = time.time() + 60
    while len([name for name in os.listdir() if name.startswith('rank-')]) < n and time.time() < end:
        time.sleep(0.05)
    return sorted(int(name[5:]) for name in os.listdir() if name.startswith('rank-'))


def variable(name):
    return os.environ.get(name)
