"""Checks of corrections for `tests/e2e/test_deploy.py`."""

from typing import Any

from tools.local.emulator import Emulator


def check(_: Emulator, output: Any) -> None:
    """Check the output of `ponto deploy --json` about corrections."""
    assert output["correctionsProven"] is True
