"""The machine's Chromium, by which the tests open pages."""

import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

_OFF = [  # the list that Playwright gives, which ours replaces, but for what is only of other systems and browsers
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    # Lists below the address bar: each window would load two pages for them, which takes longer than a page of ours.
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
]

SWITCHES = [
    "--no-sandbox",  # root has none
    "--disable-gpu",
    f"--disable-features={','.join(_OFF)}",
]


def path() -> str | None:
    """Return its path; None where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def find() -> str:
    """Give its path; skip what needs it where there is none."""
    found = path()
    if found is None:
        pytest.skip("no Chromium; apt-get install chromium")
    return found
