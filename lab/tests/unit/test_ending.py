"""SIGTERM while a command cleans up."""

import subprocess
import sys

from tests.waiting import DEADLINE_SECONDS, background_process

# Waits twice for a line on its standard input: while it runs, and while it cleans up.
PROGRAM = """
import sys
from tools.kit import commands
commands.exit_on_sigterm()
try:
    print("up", flush=True)
    sys.stdin.readline()
finally:
    print("undoing", flush=True)
    sys.stdin.readline()
    print("undone", flush=True)
"""


def test_a_second_sigterm_does_not_interrupt_the_undoing() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with background_process([sys.executable, "-c", PROGRAM], text=True, **pipes) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.terminate()
        assert process.stdout.readline() == "undoing\n"

        process.terminate()

        assert process.communicate("\n", DEADLINE_SECONDS)[0] == "undone\n"
        assert process.returncode == 143
