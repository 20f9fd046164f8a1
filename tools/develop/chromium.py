"""The machine's Chromium, in which the tests open pages."""

import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# Replaces Playwright's list, which has the same features and those of other systems and browsers.
_DISABLED_FEATURES = [
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
    # Suggestions below the address bar: each window would load two more pages, which takes longer than a test's page.
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
]

SWITCHES = [
    "--no-sandbox",  # the sandbox does not work for root
    "--disable-gpu",
    f"--disable-features={','.join(_DISABLED_FEATURES)}",
]


def path() -> str | None:
    """Return the path of Chromium; None if it is not installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def find() -> str:
    """Return the path of Chromium; skip the test if it is not installed."""
    chromium = path()
    if chromium is None:
        pytest.skip("no Chromium; apt-get install chromium")
    return chromium
