"""`python -m lab.chaos`."""

import sys

from lab.chaos.command import main
from tools.kit import commands

if __name__ == "__main__":
    commands.end_on_sigterm()
    sys.exit(main())
