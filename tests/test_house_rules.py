"""A few rules of the house that a tool can hold: what importing loads, and what a package calls public."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import parcae


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_parcae_loads_nothing_heavy() -> None:
    assert not loaded_by("import parcae") & {"pydantic_ai", "numpy", "pygit2", "click", "sqlite3"}


def test_the_contracts_load_nothing_heavy() -> None:
    statement = "import parcae.core.protocols, parcae.core.events, parcae.core.plan, parcae.core.scope"
    assert not loaded_by(statement) & {"pydantic_ai", "pydantic", "numpy"}


def test_a_package_offers_at_most_a_dozen_names_and_all_exist() -> None:
    for info in pkgutil.iter_modules(parcae.__path__, "parcae."):
        if not info.ispkg:
            continue
        package = importlib.import_module(info.name)
        public = getattr(package, "__all__", [])
        assert len(public) <= 12, info.name
        assert [name for name in public if not hasattr(package, name)] == [], info.name
