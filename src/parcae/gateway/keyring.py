"""Whose request is this: the virtual key behind a secret. Knows secrets by their SHA-256 only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from parcae.gateway.config import Key
from parcae.gateway.http import Http
from parcae.gateway.refusal import Refusal


class Keyring:
    """Finds keys. Without any key configured, every caller is welcome (then the gateway listens on loopback only)."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = {key.digest: key for key in keys}

    @property
    def is_open(self) -> bool:
        """Whether no key is needed."""
        return not self._keys

    def check(self, http: Http) -> Key | None:
        """The caller's key; None where none is needed. Raises Refusal (401)."""
        if not self._keys:
            return None
        given = http.header(b"authorization")
        bearer = given[7:] if given[:7].lower() == "bearer " else given  # RFC 9110: no scheme minds its case
        secret = http.header(b"x-api-key") or bearer.strip()
        # the digest, not the secret, is looked up: how long that takes says nothing about any secret
        key = self._keys.get(hashlib.sha256(secret.encode()).digest()) if secret else None
        if key is None:
            raise Refusal(
                401,
                "unauthorized",
                "invalid_api_key",
                "no key of this gateway was sent; send it as `Authorization: Bearer` or `x-api-key`",
            )
        return key

    def check_admin(self, http: Http) -> Key | None:
        """The caller's key if it may see and change everything. Raises Refusal (401, 403)."""
        key = self.check(http)
        if key is not None and not key.admin:
            raise Refusal(403, "forbidden", "admin_only", f"key {key.name!r} is no admin key (`admin = true`)")
        return key

    def admits(self, secret: str) -> bool:
        """Whether `secret` is that of a key that may see and change everything."""
        key = self._keys.get(hashlib.sha256(secret.encode()).digest())
        return key is not None and key.admin
