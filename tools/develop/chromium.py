"""The machine's Chromium, by which the tests open pages."""

import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

SWITCHES = [
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def path() -> str | None:
    """Return its path; None where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def find() -> str:
    """Give its path; skip what needs it where there is none."""
    found = path()
    if found is None:
        pytest.skip(f"no Chromium on this machine (looked for {', '.join(_NAMES)}); apt-get install chromium")
    return found
