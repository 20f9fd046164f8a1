"""`make pictures`: the documents' pictures, taken from the local stack in Chromium."""

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import matplotlib as mpl
import psycopg2
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Page, sync_playwright

from tools import cli
from tools.develop import chromium
from tools.kit.errors import CommandError
from tools.kit.project import ROOT
from tools.local import emulator, flow
from tools.local.stack import Stack, run_local_stack

DOCUMENTS = ROOT / "docs" / "pictures"
PAGE = ROOT / "slices" / "page" / "pictures"
DURATION_SECONDS = 18  # of the animation, however long the recording took
STILL_SECONDS = 2.5  # for the last frame, at the start and at the end: some viewers show only the first frame
MIN_FRAME_SECONDS = 0.6
PAPER: Any = {"width": 794, "height": 1123}  # A4
TIME_CARD = ("report", "timecard", "--employee", "1000015", "--month", "2026-10", "--lang", "pt")
VIEW, PHONE, CAPTION_HEIGHT = {"width": 860, "height": 640}, {"width": 320, "height": 640}, 75
TABLET = {"width": 600, "height": 800}
OPTIONS: Any = {"color_scheme": "light", "reduced_motion": "reduce", "device_scale_factor": 1.25}
CAPTIONS = {
    "en": (
        "An employee punches: kept on the device, sent, recorded",
        "Everybody punches: from SQS into PostgreSQL",
        "The database is stopped for 10 s: punches are accepted, and wait",
        "The database is back: the queue drains",
        "Nothing is lost",
    ),
    "pt-BR": (
        "Alguém bate o ponto: guardada no aparelho, enviada, registrada",
        "Todos batem o ponto: do SQS para o PostgreSQL",
        "O banco fica parado por 10 s: as batidas são aceitas e esperam",
        "O banco voltou: a fila esvazia",
        "Nada se perdeu",
    ),
}


class Recorder:
    """Frames of screenshots: a caption, below it the view, and beside that the employee's page."""

    def __init__(self, view: Page, phone: Page) -> None:
        self._view, self._phone = view, phone
        self._font = ImageFont.truetype(Path(mpl.get_data_path(), "fonts/ttf/DejaVuSans-Bold.ttf"), 30)
        self.frames: list[Image.Image] = []

    def record(self, caption: str, is_over: Callable[[], bool]) -> None:
        """Add a frame each second until a condition holds, and one then."""
        is_last = False
        while not is_last:
            is_last = is_over()
            with self._view.expect_response("**/numbers"):
                pass
            self._view.wait_for_timeout(100)  # for the view to show them
            view, phone = (Image.open(io.BytesIO(page.screenshot())) for page in (self._view, self._phone))
            frame = Image.new("RGB", (view.width + phone.width, CAPTION_HEIGHT + view.height), "#f3f6f5")
            ImageDraw.Draw(frame).rectangle((0, 0, frame.width, CAPTION_HEIGHT), "#0b5c4f")
            ImageDraw.Draw(frame).text((30, 18), caption, "white", self._font)
            frame.paste(view, (0, CAPTION_HEIGHT))
            frame.paste(phone, (view.width, CAPTION_HEIGHT))
            if not self.frames or frame != self.frames[-1]:
                self.frames.append(frame)

    def write(self, file: Path) -> None:
        """Write evenly spaced frames as a GIF that also starts with the last frame."""
        moving_seconds = DURATION_SECONDS - 2 * STILL_SECONDS
        count = min(len(self.frames), 1 + int(moving_seconds / MIN_FRAME_SECONDS))
        chosen = [self.frames[round(index * (len(self.frames) - 1) / (count - 1))] for index in range(count)]
        palette = chosen[count // 2].quantize(256, Image.Quantize.MAXCOVERAGE)
        first, *rest = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in (chosen[-1], *chosen)]
        still_ms, frame_ms = int(1000 * STILL_SECONDS), int(100 * moving_seconds / (count - 1)) * 10
        durations = [still_ms, *[frame_ms] * (count - 1), still_ms]
        first.save(file, save_all=True, append_images=rest, duration=durations, loop=0)


def take_pictures(stack: Stack, browser: Browser, language: str) -> None:
    """Record the animation in a language; for English also take the pictures of the view, the page and a kiosk."""

    def open_page(url: str, viewport: Any) -> Page:
        page = browser.new_page(viewport=viewport, locale=language, **OPTIONS)
        page.set_default_timeout(120_000)
        page.goto(url)
        return page

    def punch(number: int, page: Page | None = None) -> None:
        page = page or phone
        page.locator("#employee").fill(str(number))
        page.locator("#press").click()

    def number(name: str) -> int:
        return int("".join(filter(str.isdigit, view.locator(f"#{name} output").inner_text())))

    def send() -> bool:
        """Send more punches, if the view allows it; return True, for use in a condition."""
        if view.locator("#send").is_enabled():
            view.locator("#send").click()
        return True

    address, captions = stack.address, CAPTIONS[language]
    view = open_page(f"{address.aws_endpoint_url}{flow.PATH}#key={flow.key(address.aws_access_key_id)}", VIEW)
    view.locator("#state.good").wait_for()
    phone = open_page(f"{address.root_url}#key={address.api_key}", PHONE)
    recorder = Recorder(view, phone)

    punch(1042)
    recorder.record(captions[0], lambda: phone.locator(".state.recorded").count() == 1)
    recorder.record(captions[1], lambda: send() and number("stored") > 100)
    view.locator("#stop").click()
    punch(2718)
    recorder.record(captions[2], lambda: send() and view.locator("#stop").is_enabled())
    recorder.record(captions[3], lambda: number("waiting") < 1000)
    if language == "en":
        view.screenshot(path=DOCUMENTS / "flow.png")
    recorder.record(captions[3], lambda: view.locator("#verdict").inner_text() != "")
    recorder.record(captions[4], lambda: True)
    if language == "en":
        phone.screenshot(path=PAGE / "page.png", full_page=True)
        kiosk = open_page(f"{address.root_url}#key={address.api_key}", TABLET)
        kiosk.locator("#settings summary").click()
        kiosk.locator("#kiosk").check()
        kiosk.locator("#remembered button").click()
        kiosk.locator("#pad").wait_for()
        kiosk.locator("#settings summary").click()
        punch(1042, kiosk)
        kiosk.get_by_text("Thank you").wait_for()
        kiosk.screenshot(path=PAGE / "kiosk.png", full_page=True)
    recorder.write(DOCUMENTS / f"moving.{language}.gif")


def take_time_card(stack: Stack, state: Path, browser: Browser) -> None:
    """Take a picture of a time card of the made-up company, as it is printed."""
    company = (ROOT / "slices" / "reports" / "demo.sql").read_text(encoding="utf-8").rpartition("vacuum")[0]
    with closing(psycopg2.connect(stack.address.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(company)
        connection.commit()
    file = state / "card.html"
    run_ponto(state, "correct", "add", "--employee", "1000015", "--at", "2026-10-20T17:02", "--reason", "sem celular")
    run_ponto(state, *TIME_CARD, "--format", "html", "--output", str(file))
    page = browser.new_page(viewport=PAPER, **OPTIONS)
    page.emulate_media(media="print")
    page.goto(file.as_uri())
    page.locator(".sheet").evaluate("sheet => { sheet.style.padding = '45px 49px' }")  # the margins of the paper
    page.locator(".sheet").screenshot(path=DOCUMENTS / "time_card.png")


def run_ponto(state: Path, *words: str) -> None:
    """Run `ponto` on the stack.

    Raises:
        CommandError: it failed.
    """
    if cli.main([*words, "--state", str(state)]):
        raise CommandError(f"ponto {' '.join(words)} failed")


def draw_load(state: Path) -> None:
    """Take the chart of a load test with the default load.

    Raises:
        CommandError: it failed.
    """
    if subprocess.run(
        [sys.executable, "-m", "loadtest", "--open-rate", "0", "--state", state], cwd=ROOT, check=False
    ).returncode:
        raise CommandError("make loadtest failed")
    shutil.copyfile(state / "loadtest" / "arrivals.png", DOCUMENTS / "load.png")


def main() -> int:
    """Take the pictures; each language has a separate stack, because the recording starts with empty tables."""
    program = chromium.path()
    if program is None:
        sys.stderr.write("make pictures: there is no Chromium; run apt-get install chromium\n")
        return 2
    emulator.isolate()
    for language in CAPTIONS:
        with (
            tempfile.TemporaryDirectory() as state,
            run_local_stack(Path(state), emulator.find_free_port()) as stack,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=program, args=chromium.SWITCHES)
            take_pictures(stack, browser, language)
            if language == "pt-BR":
                take_time_card(stack, Path(state), browser)
                draw_load(Path(state))
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
