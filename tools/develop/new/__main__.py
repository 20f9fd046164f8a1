"""Runs `make new`."""

import sys

from tools.develop.new.command import main
from tools.kit import commands

if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())
