"""Entry point of `python -m lab.interleavings`."""

import sys

from lab.interleavings.command import main
from tools.kit import commands

if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())
