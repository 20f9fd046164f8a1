"""Pictures of pages, of a made-up day: `make pictures` writes those of the READMEs into docs/pictures."""

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

LARGEST = 150_000  # bytes of a picture
HOW: Any = {
    "locale": "en",
    "timezone_id": "America/Sao_Paulo",
    "color_scheme": "light",
    "reduced_motion": "reduce",
    "service_workers": "block",
    "device_scale_factor": 1.25,
}


def folder(otherwise: Path) -> Path:
    """Give the folder for the pictures: the one that PONTO_PICTURES names, or another."""
    return Path(os.environ.get("PONTO_PICTURES", otherwise))


def at(time: str) -> str:
    """Give an instant of the day."""
    return f"2026-10-05T{time}-03:00"


def take(page: Page, file: Path) -> None:
    """Write the picture of a page."""
    page.screenshot(path=file, full_page=True, animations="disabled")
    assert file.stat().st_size < LARGEST
