"""`python -m lab.chaos`."""

import sys

from lab.chaos.command import main

if __name__ == "__main__":
    sys.exit(main())
