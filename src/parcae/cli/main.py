"""The `parcae` command: finds a subcommand, runs it, and turns every expected error into a sentence and an exit code.

Knows nothing of what the subcommands do, and imports each only when it is called.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from parcae import __version__
from parcae.cli.heap import collect_rarely
from parcae.core.errors import ParcaeError

INTERRUPTED = 130
EXIT_CODES = """\b
Exit codes:
  0  done
  1  no answer was found
  2  usage or input
  3  a limit was reached (what was found so far is shown)
  4  a model's provider failed
  5  the sandbox is missing or failed
  6  the journal could not be read or written
  130  interrupted"""

# name -> (module, attribute, one line of help); the module is imported when the command is called
COMMANDS = {
    "locate": ("parcae.cli.locate", "locate", "Find the fault behind a failing test."),
    "run": ("parcae.cli.run", "run", "Reach a goal with an organisation of agents, inside a budget."),
    "allocate": ("parcae.cli.allocate", "allocate", "Choose a model and a number of samples for each stage."),
    "serve": ("parcae.cli.serve", "serve", "Serve OpenAI and Anthropic APIs that watch, swap and bill runs."),
    "dashboard": ("parcae.cli.dashboard", "dashboard", "Watch runs in a browser, and step in."),
    "repair": ("parcae.cli.repair", "repair", "Make a failing test pass, in branches of its own."),
    "runs": ("parcae.cli.runs", "runs", "List, show, resume, export, import, prune and delete runs."),
    "outcome": ("parcae.cli.runs", "outcome", "Say whether a run's answer was right."),
    "train": ("parcae.cli.evaluate", "train", "Train a forecaster on runs whose outcome is known."),
    "evaluate": ("parcae.cli.evaluate", "evaluate", "Say how well failures can be forecast on recorded runs."),
    "models": ("parcae.cli.models", "models", "List models with their prices."),
    "doctor": ("parcae.cli.doctor", "doctor", "Check Python, sandbox, git, keys and the home of runs."),
    "bugs": ("parcae.cli.bugs", "bugs", "Build small repositories with one known fault each."),
    "bench": ("parcae.cli.bench", "bench", "Measure the agents on bugs and public items."),
    "frontier": ("parcae.cli.frontier", "frontier", "What each policy keeps of a model's performance, at which cost."),
    "config": ("parcae.cli.config", "config", "Show every setting and where its value came from."),
    "trust": ("parcae.cli.config", "trust", "Let a project's parcae.toml set what only you may grant."),
}


class LazyGroup(click.Group):
    """A group whose subcommands are imported on use; `--help` reads their one-liners from the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table: the doors first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and take it from there."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a command, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="parcae")
def parcae() -> None:
    """The most solved tasks per dollar for LLM agents.

    \b
    Start here, without any key:
      parcae locate examples/ledgerbook tests/test_ledger.py::test_closing_balance \\
        --models builtin:small,builtin:large --samples 10 --swap parallel@4 --budget 0.50
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with the documented exit code."""
    collect_rarely()
    code = run(sys.argv[1:] if arguments is None else arguments)
    _let_go_of_output()
    sys.exit(code)


def _let_go_of_output() -> None:
    """What could not be written is dropped: else Python tries again as it ends, says so, and leaves with 120."""
    if sys.stdout is None:  # it was closed before the start
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return its exit code."""
    try:
        result = parcae.main(args=list(arguments), prog_name="parcae", standalone_mode=False)
    except click.exceptions.Abort:
        return _fail("interrupted", INTERRUPTED, arguments)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        return _fail(error.format_message(), 2, arguments)
    except ParcaeError as error:
        return _fail(str(error), error.exit_code, arguments)
    except SystemExit:  # so click says that nobody reads on
        return 0
    except OSError as error:
        place = error.filename or "the output or another file"
        return _fail(f"{place}: {error.strerror or error}; mend that place or name another", 2, arguments)
    return result if isinstance(result, int) else 0


def _fail(sentence: str, exit_code: int, arguments: Sequence[str]) -> int:
    if "--json" in arguments:
        with suppress(OSError):  # else nobody can be told there
            click.echo(json.dumps({"schema": "parcae.error/1", "error": sentence, "exit_code": exit_code}))
            return exit_code
    with suppress(OSError):
        click.echo(f"parcae: {sentence}", err=True)
    return exit_code
