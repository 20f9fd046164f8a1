"""`python -m tools.simulate`."""

import sys

from tools.kit import commands
from tools.simulate.command import main

if __name__ == "__main__":
    commands.end_on_sigterm()
    sys.exit(main())
