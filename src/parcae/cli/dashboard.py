"""`parcae dashboard`: every run in a browser."""

from __future__ import annotations

import click


@click.command()
@click.option("--home", help="Where runs are kept (.parcae of this folder, else the platform's data folder).")
@click.option("--host", default="127.0.0.1", show_default=True, help="Anything but this machine needs a key.")
@click.option("--port", type=click.IntRange(0, 65535), default=8791, show_default=True, help="0: any free port.")
@click.option("--key-env", default="PARCAE_DASHBOARD_KEY", show_default=True, help="The variable that holds the key.")
@click.option("--open", "open_", is_flag=True, help="Open it in the browser.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON when requests are taken.")
def dashboard(home: str | None, host: str, port: int, key_env: str, open_: bool, as_json: bool) -> None:
    """Watch runs live, and step in: pause, resume, cancel, message, approve."""
    from parcae.cli.dashboard_run import run

    run(home, host=host, port=port, key_env=key_env, open_=open_, as_json=as_json)
