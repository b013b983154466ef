"""`python -m falld`."""

from falld.cli import main

main(prog_name="falld")
