"""Files that no agent sees unless they were granted: keys, passwords, local settings. Knows nothing of git."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import lru_cache

_SECRET_NAMES = (
    *(".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".pgpass", ".npmrc", ".pypirc", ".htpasswd"),
    *(".git-credentials", "credentials", "credentials.json", "client_secret*.json", "service-account*.json"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.ovpn", "*.gpg", "*.asc"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "secrets.*", ".secrets", ".secrets.*", "*.tfvars", "*.tfstate"),
    *(".ssh", ".aws", ".gnupg", ".azure", ".kube", ".docker", ".parcae"),
)
_HARMLESS_NAMES = (".env.example", ".env.sample", ".env.template", ".env.dist", "*.pub", "secrets.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """`granted`: patterns of paths (such as ".env" or "keys/*.pem") that may be seen all the same."""

    granted: tuple[str, ...] = ()

    def hides(self, names: Sequence[str]) -> bool:
        """Whether the file or folder at `names` is out of sight: any of its names is a secret's."""
        if not any(_is_secret(name) for name in names):
            return False
        path = "/".join(names)
        return not any(fnmatchcase(path, pattern) for pattern in self.granted)


@lru_cache(1 << 16)
def _is_secret(name: str) -> bool:
    low = name.casefold()
    return _SECRET.match(low) is not None and _HARMLESS.match(low) is None


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)))


_SECRET, _HARMLESS = _any_of(_SECRET_NAMES), _any_of(_HARMLESS_NAMES)
