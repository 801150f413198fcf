"""Keys and signatures; no profile needed."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from values import things
from values.graphs import snapshot_of

from aiida_dreamflow.exceptions import UntrustedValueError
from aiida_dreamflow.values.signing import KEY_BYTES, Signer, key_at

SIGNER = Signer(lambda: b'k' * KEY_BYTES)
OTHER = Signer(lambda: b'o' * KEY_BYTES)


def test_key_is_made_once_and_private(tmp_path):
    path = tmp_path / 'dreamflow' / 'uuid.key'
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(key_at, [path] * 64))
    (key,) = keys
    assert len(key) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ['uuid.key']


def test_damaged_key(tmp_path):
    (tmp_path / 'k').write_bytes(b'short')
    with pytest.raises(UntrustedValueError, match='restore it from a backup'):
        key_at(tmp_path / 'k')


def test_signature():
    document = snapshot_of(things.Plain(a=1)).document
    signature = SIGNER.sign(document)
    assert SIGNER.verify(document, signature)
    assert not OTHER.verify(document, signature)
    assert not SIGNER.verify({**document, 'roots': {}}, signature)
    assert not any(SIGNER.verify(document, wrong) for wrong in (None, '', 'é', 3, signature[:-1], '\ud800'))


def test_trust():
    plain, code = snapshot_of([1, 2.5]).document, snapshot_of(things.Plain()).document
    SIGNER.require_trust(plain, None)
    SIGNER.require_trust(code, SIGNER.sign(code))
    with pytest.raises(UntrustedValueError, match='carries no signature'):
        SIGNER.require_trust(code, None)
    with pytest.raises(UntrustedValueError, match='not signed by this profile'):
        SIGNER.require_trust(code, OTHER.sign(code))
