"""Where a setting's value comes from: flags > PARCAE_* > the project's parcae.toml > the user's parcae.toml > default.

A file inside a repository grants nothing until the user trusts that very file once: a stranger's repository must not
switch the sandbox off, raise a budget or send code to another address. Knows nothing of what settings do.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from parcae.core.errors import CallerMistake

FILE = "parcae.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A setting: its default, its type, and whether setting it grants something that only the user may grant."""

    name: str
    default: str | int | float | bool | None
    kind: type
    grants: bool = False
    help: str = ""


KNOWN = (
    Known(name="models", default="builtin:small,builtin:large", kind=str, help="the ladder of models, cheapest first"),
    Known(name="samples", default=10, kind=int, help="attempts at one task"),
    Known(name="swap", default="none", kind=str, help="the policy: none, parallel@K, sequential@K, stop@K"),
    Known(name="budget", default=1.0, kind=float, grants=True, help="US dollars that a run may spend"),
    Known(name="home", default=None, kind=str, grants=True, help="where runs are kept"),
    Known(name="python", default=None, kind=str, grants=True, help="the Python that runs the project's tests"),
    Known(name="no_sandbox", default=False, kind=bool, grants=True, help="run tests without a sandbox"),
    Known(name="base_url", default=None, kind=str, grants=True, help="the address of an OpenAI-compatible server"),
    Known(name="key_command", default=None, kind=str, grants=True, help="a command that prints an API key"),
    Known(name="catalog", default=None, kind=str, grants=True, help="a TOML file of model prices and sizes"),
    Known(name="web", default=False, kind=bool, grants=True, help="agents of `parcae run` may read the public web"),
    Known(name="redact", default="", kind=str, help="words that must never reach journal, logs or pages"),
)
_BY_NAME = {known.name: known for known in KNOWN}
TABLES = ("mcp",)  # read by who needs them, and never from a file that is not trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value and where it came from; `ignored` says why a nearer value did not count."""

    name: str
    value: str | int | float | bool | None
    origin: str
    ignored: str | None = None


def settle(
    flags: Mapping[str, object], *, env: Mapping[str, str], project: Path, config: Path | None = None
) -> dict[str, Setting]:
    """Every known setting with its value and origin.

    Args:
        flags: what the command line said; None means not given.
        env: the environment; `PARCAE_SAMPLES` sets `samples`.
        project: the folder whose `parcae.toml` counts as the project's.
        config: the user's folder of settings; the platform's by default.

    Raises:
        CallerMistake: an unknown key or a value of the wrong type, with the file that holds it.
    """
    config = config or config_folder()
    mine, theirs = read_settings(config / FILE), read_settings(project / FILE)
    trusted = not theirs or is_trusted(project / FILE, config)
    return {known.name: _settle_one(known, flags, env, theirs, mine, trusted, project) for known in KNOWN}


def _settle_one(
    known: Known,
    flags: Mapping[str, object],
    env: Mapping[str, str],
    theirs: Mapping[str, object],
    mine: Mapping[str, object],
    trusted: bool,
    project: Path,
) -> Setting:
    name, ignored = known.name, None
    if flags.get(name) is not None:
        return Setting(name=name, value=_typed(known, flags[name], "the command line"), origin="flag")
    variable = f"PARCAE_{name.upper()}"
    if variable in env:
        return Setting(name=name, value=_typed(known, env[variable], variable), origin=variable)
    if name in theirs:
        if trusted or not _grants(known, theirs[name]):
            origin = str(project / FILE)
            return Setting(name=name, value=_typed(known, theirs[name], origin), origin=origin)
        ignored = f"{project / FILE} sets it but is not trusted; read it, then run `parcae trust {project}`"
    if name in mine:
        return Setting(name=name, value=_typed(known, mine[name], "your parcae.toml"), origin="user", ignored=ignored)
    return Setting(name=name, value=known.default, origin="default", ignored=ignored)


def _grants(known: Known, value: object) -> bool:
    """Whether `value` is only the user's to give. A model's name may hold an address, which gets code and a key."""
    return known.grants or (known.name == "models" and "@" in str(value))


def _typed(known: Known, value: object, where: str) -> str | int | float | bool:
    if known.kind is bool and isinstance(value, str):
        if value.lower() in {"1", "true", "yes", "0", "false", "no", ""}:
            return value.lower() in {"1", "true", "yes"}
    elif (known.kind is bool and isinstance(value, bool)) or (known.kind is str and isinstance(value, str)):
        return value
    elif known.kind in (int, float) and isinstance(value, int | float | str) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            number = known.kind(value)
            assert isinstance(number, int | float)
            if known.kind is float or isinstance(value, str) or number == value:
                return number
    raise CallerMistake(f"{where}: `{known.name}` must be {known.kind.__name__}, not {value!r}", known.help)


def read_settings(path: Path) -> Mapping[str, object]:
    """What a parcae.toml says; nothing if there is none. Whether it may say so is not asked here.

    Raises:
        CallerMistake: it is not valid TOML, or has an unknown key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise CallerMistake(f"{path} cannot be read: {error.strerror}", "mend its mode, or remove it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallerMistake(f"{path} is not valid TOML: {error}", "mend or remove it") from None
    for key, value in document.items():
        if key not in _BY_NAME and key not in TABLES:
            raise CallerMistake(
                f"{path}: unknown setting `{key}`", f"known are {', '.join(sorted([*_BY_NAME, *TABLES]))}"
            )
        if key in TABLES and not isinstance(value, dict):
            raise CallerMistake(f"{path}: `{key}` must be a table", f"write [{key}.NAME]")
    return document


def config_folder() -> Path:
    """The platform's folder for the user's own settings."""
    return Path(platformdirs.user_config_dir("parcae", appauthor=False))


def trust(file: Path, config: Path | None = None) -> None:
    """Remember that the user trusts `file` as it stands now."""
    config = config or config_folder()
    config.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (config / "trusted").open("a", encoding="utf-8") as ledger:
        ledger.write(f"{_fingerprint(file)}\n")


def is_trusted(file: Path, config: Path) -> bool:
    """Whether the user trusted this very content at this very place."""
    try:
        return _fingerprint(file) in (config / "trusted").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return False


def _fingerprint(file: Path) -> str:
    return hashlib.sha256(str(file.resolve()).encode() + b"\0" + file.read_bytes()).hexdigest()
