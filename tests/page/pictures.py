"""Screenshots of pages on a fictitious day; `make pictures` writes them to the folders of their documents."""

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

MAX_PICTURE_BYTES = 150_000
MARGIN = 16  # CSS pixels
BROWSER_OPTIONS: Any = {
    "locale": "en",
    "timezone_id": "America/Sao_Paulo",
    "color_scheme": "light",
    "reduced_motion": "reduce",
    "service_workers": "block",
    "device_scale_factor": 1.25,
}


def picture_folder(documents: Path, default_folder: Path) -> Path:
    """Return `pictures` in the documents' folder if `make pictures` runs the test, otherwise the default folder."""
    return documents / "pictures" if "PONTO_PICTURES" in os.environ else default_folder


def instant_at(time: str) -> str:
    """Return an instant of the fictitious day in ISO 8601."""
    return f"2026-10-05T{time}-03:00"


def take_picture(page: Page, last: str, file: Path) -> None:
    """Write a screenshot of a page, from its top to the end of the first element that matches the selector `last`."""
    box = page.locator(last).first.bounding_box()
    assert box is not None
    clip: Any = {"x": 0, "y": 0, "width": page.evaluate("innerWidth"), "height": box["y"] + box["height"] + MARGIN}
    page.screenshot(path=file, full_page=True, clip=clip, animations="disabled")
    assert file.stat().st_size < MAX_PICTURE_BYTES
