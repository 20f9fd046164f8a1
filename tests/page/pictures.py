"""Pictures of pages, of a made-up day: `make pictures` writes them beside the documents that show them."""

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

MAX_PICTURE_BYTES = 150_000  # bytes of a picture
MARGIN = 16  # CSS pixels
BROWSER_OPTIONS: Any = {
    "locale": "en",
    "timezone_id": "America/Sao_Paulo",
    "color_scheme": "light",
    "reduced_motion": "reduce",
    "service_workers": "block",
    "device_scale_factor": 1.25,
}


def picture_folder(documents: Path, otherwise: Path) -> Path:
    """Give the folder for pictures: beside their documents, if `make pictures` asks for them, or another."""
    return documents / "pictures" if "PONTO_PICTURES" in os.environ else otherwise


def instant_at(time: str) -> str:
    """Give an instant of the day."""
    return f"2026-10-05T{time}-03:00"


def take_picture(page: Page, last: str, file: Path) -> None:
    """Write the picture of a page, down to the end of its first element that a selector finds."""
    box = page.locator(last).first.bounding_box()
    assert box is not None
    clip: Any = {"x": 0, "y": 0, "width": page.evaluate("innerWidth"), "height": box["y"] + box["height"] + MARGIN}
    page.screenshot(path=file, full_page=True, clip=clip, animations="disabled")
    assert file.stat().st_size < MAX_PICTURE_BYTES
