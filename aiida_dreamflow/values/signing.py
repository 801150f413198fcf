"""Signatures on stored values: a document that runs code is decoded only by the profile that wrote it.

The key lies beside the profile's configuration, not in its storage: an archive does not carry it, so an archive imported
elsewhere cannot run code there.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..exceptions import UntrustedValueError
from .pickling import why_not
from .profile import profile_file
from .records import canonical
from .snapshot import Codec, runs_code
from .trust import has_pickles

__all__ = ('KEY_BYTES', 'Signer', 'key_at', 'profile_key', 'require_trust', 'sign', 'verify')

KEY_BYTES = 32


def key_at(path: Path) -> bytes:
    """The key in a file, which is created with a new key if it is not there; safe when many processes do so at once.

    :param path: the file.
    :returns: the key.
    :raises UntrustedValueError: if the file does not hold a key.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written whole under another name first: the link appears at once and complete, and only for one of many.
        handle, name = tempfile.mkstemp(dir=path.parent)  # mkstemp gives mode 0600
        try:
            with os.fdopen(handle, 'wb') as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, path)
        finally:
            Path(name).unlink()
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise UntrustedValueError(
            f'`{path}` does not hold a key of {KEY_BYTES} bytes; restore it from a backup, or remove it: then a new key is '
            'made, and values signed with the old one cannot be loaded any more'
        )
    return key


@lru_cache(maxsize=8)
def _cached_key(path: Path) -> bytes:
    return key_at(path)


def profile_key() -> bytes:
    """The key of the loaded AiiDA profile, made when first asked for.

    :returns: the key.
    """
    path = profile_file('.key')
    if path is None:
        raise UntrustedValueError('no AiiDA profile is loaded, so there is no key; call `aiida.load_profile()` first')
    return _cached_key(path)


class Signer:
    """Signs and verifies documents with one key.

    :param key: gives the key; asked at each use, so that it may follow the loaded profile.
    """

    def __init__(self, key: Callable[[], bytes] = profile_key) -> None:
        self._key = key

    def sign(self, document: Mapping[str, Any]) -> str:
        """The signature of a document: HMAC-SHA256 over its canonical JSON.

        :param document: pure JSON; its blobs are covered through their sha256.
        :returns: hexadecimal digits.
        """
        return hmac.new(self._key(), canonical(document), hashlib.sha256).hexdigest()

    def verify(self, document: Mapping[str, Any], signature: object) -> bool:
        """Whether a signature is this key's, for exactly this document.

        :param document: the document as it was found.
        :param signature: the signature as it was found, of whatever type.
        :returns: whether it fits.
        """
        # As bytes: `compare_digest` raises for text that is not ASCII.
        found = signature.encode(errors='replace') if isinstance(signature, str) else b''
        return hmac.compare_digest(self.sign(document).encode(), found)

    def require_trust(self, document: Mapping[str, Any], signature: object, codecs: Sequence[Codec] = ()) -> None:
        """Refuse a document that would run code when decoded, unless this key signed it; a pickle also if these are off.

        :param document: the document as it was found.
        :param signature: its signature, ``None`` if there is none.
        :param codecs: those it will be decoded with.
        :raises UntrustedValueError: if it may not be decoded.
        """
        if not runs_code(document, codecs):
            return
        if has_pickles(document['objects']) and (reason := why_not()) is not None:
            raise UntrustedValueError(f'a stored value is a pickle, which is not loaded: {reason}')
        if not self.verify(document, signature):
            state = 'carries no signature' if not signature else 'was not signed by this profile, or was altered since'
            raise UntrustedValueError(
                f'a stored value would run code when loaded, and it {state}. If it comes from an archive, compute it again '
                'in this profile, or load it in the profile that made it and store it there as plain data (numbers, text, '
                'lists, dicts, arrays). If this profile made it, restore its key from a backup: '
                '`dreamflow/<profile uuid>.key` in the AiiDA configuration folder'
            )


_PROFILE_SIGNER = Signer()
sign = _PROFILE_SIGNER.sign
verify = _PROFILE_SIGNER.verify
require_trust = _PROFILE_SIGNER.require_trust
