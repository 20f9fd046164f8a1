"""The animation of the READMEs, recorded from a running stack. `make pictures` writes it into docs/pictures."""

import io
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page

from slices.page.tests.page import phones
from slices.page.tests.page.phones import punch
from tests.e2e.client import Client
from tests.e2e.deployed import deploy
from tests.page import browsers
from tests.page.pictures import BROWSER_OPTIONS, picture_folder
from tests.waiting import DEADLINE_SECONDS
from tools.kit.project import ROOT
from tools.local import flow

MAX_BYTES = 1_500_000
DURATION_SECONDS = 18.0  # of the animation, however long the recording took
STILL_SECONDS = 2.5  # for the last frame, at the start and at the end: some viewers show only the first frame
MIN_FRAME_SECONDS = 0.6
VIEW, PHONE, MARGIN = {"width": 860, "height": 700}, {"width": 320, "height": 640}, 16  # CSS pixels
DEVICE_SCALE_FACTOR = 1.25

CAPTION = """<body style="margin: 0"><p style="background: #0b5c4f; color: #fff; font: 600 27px/60px system-ui;
height: 60px; margin: 0; padding: 0 26px; white-space: nowrap"></p>"""
TEXTS = {
    "en": (
        "An employee punches: kept on the device, sent, recorded",
        "Everybody punches: from SQS into PostgreSQL",
        "The database is stopped for 10 s: punches are accepted, and wait",
        "The database is back: the queue drains",
        "Database stopped for 10 s: {} accepted, {} rows, {} lost",
    ),
    "pt-BR": (
        "Alguém bate o ponto: guardada no aparelho, enviada, registrada",
        "Todos batem o ponto: do SQS para o PostgreSQL",
        "O banco fica parado por 10 s: as batidas são aceitas e esperam",
        "O banco voltou: a fila esvazia",
        "Banco parado por 10 s: {} aceitas, {} linhas, {} perdidas",
    ),
}


def screenshot(page: Page, **options: Any) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot(**options))).convert("RGB")


def displayed_number(view: Page, name: str) -> int:
    return int("".join(filter(str.isdigit, view.locator(f"#{name} output").inner_text())))


def send_batch(view: Page) -> bool:
    """Send more punches, if the view allows it; return True, for use in a condition."""
    if view.locator("#send").is_enabled():
        view.locator("#send").click()
    return True


class Recorder:
    """Composes frames of screenshots: a caption, below it the local view, and beside that the employee's page."""

    def __init__(self, view: Page, phone: Page, caption: Page, texts: Sequence[str]) -> None:
        self._view, self._phone, self._caption, self._texts = view, phone, caption, texts
        chart = view.locator("section").first.bounding_box()
        assert chart is not None
        self._clip = {"x": 0, "y": 0, "width": VIEW["width"], "height": round(chart["y"] + chart["height"]) + MARGIN}
        self._was_stopped = False
        self._last_content: list[object] = []
        self.frames: list[Image.Image] = []

    def _text(self) -> str | None:
        """Return the caption for the state of the view; None while the view has no verdict yet."""
        employee, all_employees, stopped, back, end = self._texts
        if self._view.locator("#stop").is_disabled():
            self._was_stopped = True
            return stopped
        if not self._was_stopped:
            return all_employees if displayed_number(self._view, "accepted") > 2 else employee
        if displayed_number(self._view, "waiting"):
            return back
        verdict = re.findall(r"[\d.,]*\d", self._view.locator("#verdict").inner_text())
        return end.format(*verdict) if len(verdict) == 3 else None

    def add_frame(self) -> None:
        """Add a frame as soon as the view shows its next numbers, which stay for a second."""
        text = None
        while text is None or text != self._text():
            with self._view.expect_response("**/numbers"):
                pass
            self._view.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            text = self._text()
            self._caption.locator("p").evaluate("(p, text) => { p.textContent = text }", text)
            above, view, phone = (
                screenshot(self._caption),
                screenshot(self._view, clip=self._clip),
                screenshot(self._phone),
            )
        frame = Image.new("RGB", (above.width, above.height + max(view.height, phone.height)), "#f3f6f5")
        frame.paste(above)
        frame.paste(view, (0, above.height))
        frame.paste(ImageOps.expand(ImageOps.crop(phone, 2), 2, "#7b8884"), (view.width, above.height))
        content: list[object] = [
            text,
            self._phone.locator(".state").all_inner_texts(),
            self._view.locator("output").all_inner_texts(),
        ]
        if content != self._last_content:  # nothing changes for minutes while a batch waits for its next attempt
            self.frames.append(frame)
        self._last_content = content

    def add_frames_until(self, condition: Callable[[], bool]) -> None:
        """Add frames until a condition holds."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self._text()
            self.add_frame()


def select_frames(frames: list[Image.Image]) -> list[Image.Image]:
    """Return evenly spaced frames, few enough that each is shown for the minimum time."""
    count = min(len(frames), 1 + int((DURATION_SECONDS - 2 * STILL_SECONDS) / MIN_FRAME_SECONDS))
    return [frames[round(index * (len(frames) - 1) / (count - 1))] for index in range(count)]


def write_gif(frames: list[Image.Image], file: Path) -> str:
    """Write frames as a GIF that also starts with the last frame; return its size and duration as a text."""
    width, height = frames[0].size
    sheet = Image.new("RGB", (width, 4 * height))  # sample of the frames, for a common palette
    for index in range(4):
        sheet.paste(frames[index * (len(frames) - 1) // 3], (0, index * height))
    palette = sheet.quantize(256, Image.Quantize.MAXCOVERAGE)  # keeps rare colours
    first, *rest = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in (frames[-1], *frames)]
    frame_ms = int(100 * (DURATION_SECONDS - 2 * STILL_SECONDS) / (len(frames) - 1)) * 10
    durations = [int(1000 * STILL_SECONDS), *[frame_ms] * (len(frames) - 1), int(1000 * STILL_SECONDS)]
    assert frame_ms >= 1000 * MIN_FRAME_SECONDS
    first.save(file, save_all=True, append_images=rest, duration=durations, loop=0)
    return f"{file.name}: {file.stat().st_size:,} bytes, {sum(durations) / 1000:.1f} s, {width} x {height}"


@pytest.mark.nightly
@pytest.mark.parametrize("language", TEXTS)
def test_the_database_is_stopped_and_nothing_is_lost(
    language: str, browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = BROWSER_OPTIONS | {"locale": language, "device_scale_factor": DEVICE_SCALE_FACTOR}
    with (
        deploy() as deployed,  # a separate deployment, because the recording starts with empty tables
        browsers.open_window(
            browser, "about:blank", viewport={"width": VIEW["width"] + PHONE["width"], "height": 60}, **options
        ) as captions,
        browsers.open_window(
            browser, deployed.stack.address.aws_endpoint_url + flow.PATH, viewport=VIEW, **options
        ) as others,
        phones.new_phone(browser, deployed.stack.address.root_url, viewport=PHONE, **options) as phone,
    ):
        client = Client(deployed.stack)
        client.post({"usuarioId": 1, "ponto": "2026-10-01T08:00:00-03:00"})  # warms the function up
        client.wait_until_drained()
        caption = captions.open()
        caption.set_content(CAPTION)
        view = others.open(f"#key={flow.key(client.address.aws_access_key_id)}")
        view.locator("#state.good").wait_for()
        page = phone.open(f"#key={client.address.api_key}", worker=False)
        page.locator("#punch").evaluate("form => { form.scrollIntoView(); scrollBy(0, -12) }")
        page.locator("#employee").fill("1042")
        recorder = Recorder(view, page, caption, TEXTS[language])

        recorder.add_frame()
        punch(page)
        recorder.add_frames_until(lambda: page.locator(".state.recorded").count() == 1)
        recorder.add_frame()
        recorder.add_frames_until(lambda: send_batch(view) and displayed_number(view, "stored") > 100)
        view.locator("#stop").click()
        recorder.add_frame()
        punch(page, 2718)
        recorder.add_frames_until(lambda: send_batch(view) and view.locator("#stop").is_enabled())
        page.locator(".state.waiting").wait_for(state="detached")
        recorder.add_frames_until(lambda: view.locator("#send").is_enabled())
        recorder.add_frames_until(lambda: view.locator("#verdict").inner_text() != "")
        recorder.add_frame()
        accepted, [(rows,)] = displayed_number(view, "accepted"), client.query("select count(*) from ponto.batida")
        shown = view.locator("#verdict").inner_text()

    file = picture_folder(ROOT / "docs", tmp_path) / f"moving.{language}.gif"
    summary = write_gif(select_frames(recorder.frames), file)
    with capsys.disabled():
        sys.stdout.write(f"\n{summary}\n")
    assert accepted == rows
    assert [int(re.sub(r"\D", "", count)) for count in shown.split(", ")] == [accepted, rows, 0]
    assert file.stat().st_size < MAX_BYTES
