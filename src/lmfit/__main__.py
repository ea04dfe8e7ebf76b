"""python -m lmfit."""

from lmfit.cli import main

main()
