"""The gateway's TOML file as values. Knows nothing of servers; opens no file but the one it is given.

listen = "127.0.0.1:8790"

[upstreams.openai]                 # a server; models behind it are named "openai:NAME"
base_url = "https://api.openai.com/v1"
key_env = "OPENAI_API_KEY"

[models.thrifty]                   # a virtual model: what clients put in `model`
ladder = ["openai:gpt-4o-mini", "openai:gpt-4o"]
policy = "parallel@4"
forecaster = "rule"
mode = "swap"

[keys.alice]                       # a virtual key with budgets
secret_env = "PARCAE_KEY_ALICE"
day = { usd = 5 }
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from parcae.core.errors import CallerMistake
from parcae.core.plan import StagePlan, parse
from parcae.core.protocols import ModelCard
from parcae.core.usage import Limits, Price
from parcae.gateway.upstream import Upstream

Mode = Literal["observe", "swap", "stop"]
_LISTEN = "127.0.0.1:8790"
_TOP = {"listen", "journal", "catalog", "forecaster", "log", "upstreams", "models", "keys", "plan", "limits", "prices"}
_CACHE_PRICES = ("cached_usd", "written_usd", "hour_usd")
_MODEL = {"mode", "stop", "private", "failover", "max_tokens"}
_UPSTREAM = {
    "protocol", "base_url", "key_env", "local", "max_in_flight", "queue", "timeout_seconds", "connect_seconds",
    "retries", "responses", "headers",
}  # fmt: skip
_KEY = {"secret_env", "sha256", "admin", "private", "models", "total", "day", "task"}
_BOUNDS = {"body_bytes", "runs", "idle_seconds", "default_max_tokens", "shutdown_seconds"}
KNOWN_UPSTREAMS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "openai": ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        "anthropic": ("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
        "ollama": ("openai", "http://127.0.0.1:11434/v1", ""),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualModel:
    """A Plan's stage under the name that clients ask for.

    `mode`: "observe" forecasts and logs; "swap" and "stop" act. `stop`: what a stopped run is told, an error or a
    final message. `failover`: an upstream that is down is passed over for the next rung.
    """

    name: str
    stage: StagePlan
    mode: Mode = "observe"
    stop: Literal["error", "answer"] = "error"
    private: bool = False
    failover: bool = True
    max_tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class Key:
    """A virtual key. `digest` is the SHA-256 of the secret; the secret itself is not kept.

    `total`, `day`, `task` are budgets for ever, for one UTC day and for one task. `models` None means all.
    """

    name: str
    digest: bytes = field(repr=False)
    admin: bool = False
    private: bool = False
    models: tuple[str, ...] | None = None
    total: Limits = Limits()
    day: Limits = Limits()
    task: Limits = Limits()

    @cached_property
    def is_limited_in_all(self) -> bool:
        """Whether there is a budget for ever."""
        return not self.total.is_open()

    @cached_property
    def is_limited_by_day(self) -> bool:
        """Whether there is a budget for each day."""
        return not self.day.is_open()

    @cached_property
    def is_limited_by_task(self) -> bool:
        """Whether there is a budget for each task."""
        return not self.task.is_open()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one process holds at most."""

    body_bytes: int = 32_000_000
    runs: int = 5_000
    idle_seconds: float = 3600.0
    default_max_tokens: int = 4096
    shutdown_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """All of the file.

    `forecaster` is the fitted one that models without one of their own use as soon as the file is there; `log` is the
    request log; `secrets` are the keys of upstreams and clients, which must never be written anywhere.
    """

    host: str
    port: int
    upstreams: Mapping[str, Upstream]
    models: Mapping[str, VirtualModel]
    keys: tuple[Key, ...]
    journal: Path | None = None
    catalog: Path | None = None
    forecaster: Path | None = None
    log: Path | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    bounds: Bounds = Bounds()
    cards: Mapping[str, ModelCard] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_guarded(self) -> bool:
        """Whether strangers are kept out: by a key, or because only this machine is listened to."""
        return bool(self.keys) or self.host in ("127.0.0.1", "::1", "localhost")

    def summary(self) -> str:
        """What is served, for people."""
        models = ", ".join(f"{model.name} ({model.mode})" for model in self.models.values()) or "no virtual model"
        return f"{models}; {len(self.keys)} key{'' if len(self.keys) == 1 else 's'}"


def load_config(path: Path, env: Mapping[str, str]) -> GatewayConfig:
    """Read the file.

    Raises:
        CallerMistake: no such file, not TOML, an unknown key, a wrong type, a missing variable, an open address
            without keys.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CallerMistake(f"there is no {path}", "name a TOML file; examples/gateway.toml is one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallerMistake(f"{path} is not valid TOML: {error}", "mend it") from None
    return read_config(document, env, source=str(path), folder=path.parent)


def read_config(
    document: Mapping[str, object], env: Mapping[str, str], *, source: str = "the configuration", folder: Path = Path()
) -> GatewayConfig:
    """Read a parsed document; relative paths are relative to `folder`."""
    _known(document, _TOP, source)
    host, port = address(_text(document, "listen", source) or _LISTEN, source)
    keys = tuple(_key(name, body, env, source) for name, body in _tables(document, "keys", source))
    if host not in ("127.0.0.1", "::1", "localhost") and not keys:
        raise CallerMistake(
            f"{source}: listening on {host} without keys would give your models to everybody",
            "add a [keys.NAME] table, or listen on 127.0.0.1",
        )
    upstreams = {name: _upstream(name, body, env, source) for name, body in _tables(document, "upstreams", source)}
    for name, (protocol, url, variable) in KNOWN_UPSTREAMS.items():
        known = {"protocol": protocol, "base_url": url, **({"key_env": variable} if env.get(variable) else {})}
        if name not in upstreams and (not variable or variable in env):
            upstreams[name] = _upstream(name, {**known, "local": name == "ollama"}, env, source)
    journal, catalog = _text(document, "journal", source), _text(document, "catalog", source)
    forecaster, log = _text(document, "forecaster", source), _text(document, "log", source)
    return GatewayConfig(
        host=host,
        port=port,
        upstreams=MappingProxyType(upstreams),
        models=MappingProxyType(_models(document, source, folder)),
        keys=keys,
        journal=folder / journal if journal else None,
        catalog=folder / catalog if catalog else None,
        forecaster=folder / forecaster if forecaster else None,
        log=folder / log if log else None,
        secrets=_secrets(document, env, upstreams),
        bounds=_bounds(document, source),
        cards=MappingProxyType({name: _card(name, body, source) for name, body in _tables(document, "prices", source)}),
    )


def _secrets(
    document: Mapping[str, object], env: Mapping[str, str], upstreams: Mapping[str, Upstream]
) -> tuple[str, ...]:
    variables = [_text(body, "secret_env", "keys") for _, body in _tables(document, "keys", "the configuration")]
    theirs = [value for one in upstreams.values() for value in (one.key, *one.headers.values()) if value]
    return (*theirs, *(env[variable].strip() for variable in variables if variable and env.get(variable)))


def _card(name: str, body: Mapping[str, object], source: str) -> ModelCard:
    where = f"{source}: prices.{name}"
    _known(body, {"prompt_usd", "completion_usd", *_CACHE_PRICES, "local"}, where)
    prompt, completion = (_price(body, key, where) for key in ("prompt_usd", "completion_usd"))
    cached, written, hour = (_price(body, key, where) if key in body else None for key in _CACHE_PRICES)
    price = Price(prompt_usd=prompt, completion_usd=completion, cached_usd=cached, written_usd=written, hour_usd=hour)
    return ModelCard(name=name, price=price, local=_flag(body, "local", where))


def _price(body: Mapping[str, object], key: str, where: str) -> float:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise CallerMistake(f"{where}: `{key}` must be US dollars per million tokens, not {value!r}")
    return float(value)


def _models(document: Mapping[str, object], source: str, folder: Path) -> dict[str, VirtualModel]:
    models: dict[str, VirtualModel] = {}
    plan = _text(document, "plan", source)
    if plan is not None:
        try:
            parsed = parse(tomllib.loads((folder / plan).read_text(encoding="utf-8")), source=plan)
        except (OSError, ValueError, RecursionError) as error:
            raise CallerMistake(f"{folder / plan} cannot be read as a plan: {error}", "mend it") from None
        for name, stage in parsed.stages.items():
            whole = replace(stage.beside((folder / plan).parent), limits=stage.limits.tightest(parsed.limits))
            models[name] = VirtualModel(name=name, stage=whole)
    for name, body in _tables(document, "models", source):
        models[name] = _model(name, body, source, folder)
    return models


def _model(name: str, body: Mapping[str, object], source: str, folder: Path) -> VirtualModel:
    where = f"{source}: models.{name}"
    stage_body = {key: value for key, value in body.items() if key not in _MODEL}
    stage = parse({"stages": {name: stage_body}}, source=source).stage(name).beside(folder)
    mode, stop = _text(body, "mode", where) or "observe", _text(body, "stop", where) or "error"
    if mode not in ("observe", "swap", "stop"):
        raise CallerMistake(f"{where}: mode is {mode!r}", 'write "observe", "swap" or "stop"')
    if stop not in ("error", "answer"):
        raise CallerMistake(f"{where}: stop is {stop!r}", 'write "error" or "answer"')
    return VirtualModel(
        name=name,
        stage=stage,
        mode=mode,  # type: ignore[arg-type]  # checked above
        stop=stop,  # type: ignore[arg-type]  # checked above
        private=_flag(body, "private", where),
        failover=_flag(body, "failover", where, default=True),
        max_tokens=_count(body, "max_tokens", where),
    )


def _upstream(name: str, body: Mapping[str, object], env: Mapping[str, str], source: str) -> Upstream:
    where = f"{source}: upstreams.{name}"
    _known(body, _UPSTREAM, where)
    if ":" in name or name == "builtin":
        raise CallerMistake(f"{where}: this name is taken", "use letters and digits")
    protocol, url = _text(body, "protocol", where) or "openai", _text(body, "base_url", where)
    if protocol not in ("openai", "anthropic"):
        raise CallerMistake(f"{where}: protocol is {protocol!r}", 'write "openai" or "anthropic"')
    if url is None or not url.startswith(("http://", "https://")):
        raise CallerMistake(f"{where}: base_url is {url!r}", 'for example "https://api.openai.com/v1"')
    variable = _text(body, "key_env", where)
    if variable and variable not in env:
        raise CallerMistake(f"{where}: the variable {variable} is not set", f"export {variable}=...")
    headers = body.get("headers", {})
    if not isinstance(headers, Mapping) or not all(isinstance(value, str) for value in headers.values()):
        raise CallerMistake(f"{where}: headers must be a table of texts")
    numbers = {key: _number(body, key, where) for key in ("timeout_seconds", "connect_seconds") if key in body}
    counts = {key: _count(body, key, where) or 0 for key in ("max_in_flight", "queue") if key in body}
    retries = body.get("retries", 1)
    if not isinstance(retries, int) or not 0 <= retries <= 10:
        raise CallerMistake(f"{where}: retries must be a whole number from 0 to 10, not {retries!r}")
    return Upstream(
        name=name,
        family=protocol,  # type: ignore[arg-type]  # checked above
        base_url=url.rstrip("/"),
        key=env[variable].strip() if variable else None,  # a file of secrets ends in a newline
        local=_flag(body, "local", where),
        headers=MappingProxyType(dict(headers)),
        retries=retries,
        responses=_flag(body, "responses", where, default=name == "openai"),
        timeout_seconds=numbers.get("timeout_seconds", 600.0),
        connect_seconds=numbers.get("connect_seconds", 10.0),
        max_in_flight=counts.get("max_in_flight", 256),
        queue=counts.get("queue", 1024),
    )


def _key(name: str, body: Mapping[str, object], env: Mapping[str, str], source: str) -> Key:
    where = f"{source}: keys.{name}"
    _known(body, _KEY, where)
    if not name.replace("-", "").replace("_", "").isalnum():
        raise CallerMistake(f"{where}: a key's name has letters, digits, - and _ only")
    models = body.get("models")
    if models is not None and (not isinstance(models, list) or not all(isinstance(one, str) for one in models)):
        raise CallerMistake(f"{where}: models must be a list of names")
    return Key(
        name=name,
        digest=_digest(body, env, where),
        admin=_flag(body, "admin", where),
        private=_flag(body, "private", where),
        models=None if models is None else tuple(models),
        total=_limits(body, "total", where),
        day=_limits(body, "day", where),
        task=_limits(body, "task", where),
    )


def _digest(body: Mapping[str, object], env: Mapping[str, str], where: str) -> bytes:
    variable, digest = _text(body, "secret_env", where), _text(body, "sha256", where)
    if digest is not None:
        try:
            raw = bytes.fromhex(digest)
        except ValueError:
            raw = b""
        if len(raw) != 32:
            raise CallerMistake(f"{where}: sha256 must be 64 hexadecimal digits")
        return raw
    if variable is None:
        raise CallerMistake(f"{where} has no secret", "give it `secret_env` (a variable's name) or `sha256`")
    if not env.get(variable, "").strip():
        raise CallerMistake(f"{where}: the variable {variable} is not set", f"export {variable}=...")
    return hashlib.sha256(env[variable].strip().encode()).digest()


def _limits(body: Mapping[str, object], name: str, where: str) -> Limits:
    table = body.get(name, {})
    if isinstance(table, Mapping) and "requests" in table:
        table = {("calls" if key == "requests" else key): value for key, value in table.items()}
    return parse({"default": {"ladder": ["none"]}, "limits": table}, source=f"{where}.{name}").limits


def _bounds(document: Mapping[str, object], source: str) -> Bounds:
    table = document.get("limits", {})
    if not isinstance(table, Mapping):
        raise CallerMistake(f"{source}: limits must be a table")
    _known(table, _BOUNDS, f"{source}: limits")
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise CallerMistake(f"{source}: limits.{name} must be a number above 0, not {value!r}")
    return Bounds(**table)


def address(text: str, source: str) -> tuple[str, int]:
    """Take "HOST:PORT" apart. Raises CallerMistake."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise CallerMistake(f"{source}: listen is {text!r}", f'write "HOST:PORT", for example "{_LISTEN}"')
    return host.strip("[]"), int(port)


def _tables(document: Mapping[str, object], name: str, source: str) -> list[tuple[str, Mapping[str, object]]]:
    value = document.get(name, {})
    if not isinstance(value, Mapping) or not all(isinstance(body, Mapping) for body in value.values()):
        raise CallerMistake(f"{source}: `{name}` must hold tables", f"write [{name}.NAME]")
    return list(value.items())


def _known(table: Mapping[str, object], names: set[str], where: str) -> None:
    for key in table:
        if key not in names:
            raise CallerMistake(f"{where}: unknown key `{key}`", f"known are {', '.join(sorted(names))}")


def _text(body: Mapping[str, object], key: str, where: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise CallerMistake(f"{where}: `{key}` must be text, not {value!r}")
    return value


def _flag(body: Mapping[str, object], key: str, where: str, *, default: bool = False) -> bool:
    value = body.get(key, default)
    if not isinstance(value, bool):
        raise CallerMistake(f"{where}: `{key}` must be true or false, not {value!r}")
    return value


def _count(body: Mapping[str, object], key: str, where: str) -> int | None:
    value = body.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise CallerMistake(f"{where}: `{key}` must be a whole number of 1 or more, not {value!r}")
    return value


def _number(body: Mapping[str, object], key: str, where: str) -> float:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise CallerMistake(f"{where}: `{key}` must be a number above 0, not {value!r}")
    return float(value)
