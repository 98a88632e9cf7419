"""`parcae doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command()
@click.option("--home", help="Where runs are kept.")
@click.option("--probe", metavar="MODEL", help="Ask MODEL for one token; it costs what that costs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.doctor/1).")
def doctor(home: str | None, probe: str | None, as_json: bool) -> int:
    """Check what Parcae needs here: Python, sandbox, git, keys present, the home of runs.

    The exit code is that of the worst thing found: 0 if everything can run, 4, 5 or 6 (see `parcae --help`) if a
    model, the sandbox or the journal cannot. A missing key or sandbox is a warning: not everything needs them.
    """
    from parcae.cli.checkup import checkup

    found = checkup(home, probe)
    if as_json:
        click.echo(json.dumps({"schema": "parcae.doctor/1", "checks": [asdict(one) for one in found]}))
    else:
        for one in found:
            click.echo(f"{one.state:<8} {one.name:<10} {one.found}" + (f"; {one.cure}" if one.cure else ""))
    return max((one.exit_code for one in found if one.state == "failed"), default=0)
