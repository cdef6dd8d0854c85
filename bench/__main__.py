"""`python -m bench`: the screens. The imports are measured by `python -m bench.imports`."""

from bench.screens import main

main()
