"""How commands end that undo what they began."""

import subprocess
import sys

from tests.waiting import DEADLINE, started

# Says that it is up, and undoes what it began until it is told that it may end.
PROGRAM = """
import sys
from tools.kit import commands
commands.end_on_sigterm()
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
    with started([sys.executable, "-c", PROGRAM], text=True, **pipes) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.terminate()
        assert process.stdout.readline() == "undoing\n"

        process.terminate()

        assert process.communicate("\n", DEADLINE)[0] == "undone\n"
        assert process.returncode == 143
