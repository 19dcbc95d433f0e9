"""`python -m molweight`."""

from molweight.cli import main

main()
