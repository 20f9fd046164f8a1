"""Runs `make new`."""

import sys

from tools.kit import commands
from tools.new.command import main

if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())
