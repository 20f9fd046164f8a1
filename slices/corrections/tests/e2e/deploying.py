"""What `tests/e2e/test_deploy.py` asks about a stage that it has deployed."""

from typing import Any

from tools.local.emulator import Emulator


def check(_: Emulator, done: Any) -> None:
    """Check what `ponto deploy --json` printed of corrections."""
    assert done["correctionsProven"] is True
