"""`python -m parcae` is the `parcae` command."""

from parcae.cli.main import main

main()
