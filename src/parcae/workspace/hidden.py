"""Files that no agent sees unless they were granted: keys, passwords, local settings. Knows nothing of git."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

_SECRETS = (
    *(".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".pgpass", ".npmrc", ".pypirc", ".htpasswd"),
    *(".git-credentials", "credentials", "credentials.json", "client_secret*.json", "service-account*.json"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.ovpn", "*.gpg", "*.asc"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "secrets.*", ".secrets", ".secrets.*", "*.tfvars", "*.tfstate"),
    *(".ssh", ".aws", ".gnupg", ".azure", ".kube", ".docker", ".parcae"),
)
_HARMLESS = (".env.example", ".env.sample", ".env.template", ".env.dist", "*.pub", "secrets.py")


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


def _is_secret(name: str) -> bool:
    low = name.casefold()
    if any(fnmatchcase(low, pattern) for pattern in _HARMLESS):
        return False
    return any(fnmatchcase(low, pattern) for pattern in _SECRETS)
