"""API keys: from the environment, else from the user's `key_command`, else from a keyring; never from a project's file.

`key_command` is run once for each provider, with `{provider}` in it replaced; what it prints is the key. A keyring is
asked when the package `keyring` is installed, for the user name PROVIDER of the service "parcae".
"""

from __future__ import annotations

import importlib
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping

from parcae.core.errors import CallerMistake
from parcae.models.open import KEYS

PROVIDER_OF = {variable: provider for provider, variables in KEYS.items() for variable in variables[:1]}
COMMAND_SECONDS = 30.0


class Keys(Mapping[str, str]):
    """The environment, with the keys that are not in it fetched when they are first asked for.

    `learnt` is told each key that was fetched, so that it can be kept out of journals and logs.
    """

    def __init__(self, env: Mapping[str, str], command: str, learnt: Callable[[str], None] = lambda key: None) -> None:
        self._env, self._command, self._learnt = env, command, learnt
        self._fetched: dict[str, str | None] = {}

    def __getitem__(self, name: str) -> str:
        if self._env.get(name):
            return self._env[name]
        provider = PROVIDER_OF.get(name)
        if provider is None or any(self._env.get(other) for other in KEYS[provider]):
            raise KeyError(name)
        if name not in self._fetched:
            self._fetched[name] = from_command(self._command, provider) or from_keyring(provider)
            if key := self._fetched[name]:
                self._learnt(key)
        key = self._fetched[name]
        if key is None:
            raise KeyError(name)
        return key

    def __iter__(self) -> Iterator[str]:
        return iter(self._env)

    def __len__(self) -> int:
        return len(self._env)


def from_command(command: str, provider: str) -> str | None:
    """What the user's key command prints for `provider`; None if there is no command.

    Raises:
        CallerMistake: the command fails or prints nothing.
    """
    if not command:
        return None
    words = [word.replace("{provider}", provider) for word in shlex.split(command)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CallerMistake(f"the key command {words[0]!r} cannot be run: {error}", "mend `key_command`") from None
    key = done.stdout.strip()
    if done.returncode or not key or "\n" in key:
        said = (done.stderr.strip().splitlines() or ["it printed no key, or several lines"])[-1]
        raise CallerMistake(
            f"the key command {words[0]!r} gave no key for {provider}: {said}",
            f"mend `key_command`, or set {KEYS[provider][0]}",
        )
    return key


def from_keyring(provider: str) -> str | None:
    """The key that the system's keyring holds; None if there is none, or no package to ask."""
    try:
        keyring = importlib.import_module("keyring")
        key = keyring.get_password("parcae", provider)
    except Exception:  # noqa: BLE001  # a keyring without a backend raises its own kinds; then there is none
        return None
    return str(key) if key else None
