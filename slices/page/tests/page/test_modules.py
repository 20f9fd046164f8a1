"""Tests of modules that other slices add to the page."""

from pathlib import Path

from playwright.sync_api import expect

from slices.page.tests.page.fake_server import FakeServer
from slices.page.tests.page.phones import SENT, Phone, punch, wait_for_states

_MODULE = """
import { createElement, element, page } from "../state.js"
export const TEXTS = { "pt-BR": { notes: "Notas" }, en: { notes: "Notes" } }
export const start = () => element("settings").before(createElement("h2", "", { id: "notes" }))
export const draw = settings => (element("notes").textContent = `${page.texts.notes} ${settings.key}`)
export const punchAction = punch => createElement("button", "note", { id: `note-${punch.body.id}` })
"""


def add_slice(server: FakeServer, folder: Path, name: str, module: str) -> None:
    folder = folder / name
    folder.mkdir()
    (folder / "page.js").write_text(module)
    server.additions = {**server.additions, name: folder}


def test_modules_have_texts_and_actions_and_punches_are_sent_although_some_fail(
    server: FakeServer, phone: Phone, tmp_path: Path
) -> None:
    add_slice(server, tmp_path, "invalid", "import './missing.js'")
    add_slice(server, tmp_path, "failing", _MODULE + "export const drawn = punchAction()")
    add_slice(
        server, tmp_path, "later", "export const TEXTS = {}, start = () => {}, punchAction = punch => punch.missing.id"
    )
    add_slice(server, tmp_path, "notes", _MODULE)
    page = phone.open("#key=first", worker=False)
    expect(page.locator("#notes")).to_have_text("Notas first")

    punch(page, 123)

    wait_for_states(page, SENT)
    expect(page.locator("#warnings")).to_have_text("")
    expect(page.get_by_role("button", name="note")).to_be_visible()
    page.locator("#language").click()
    expect(page.locator("#notes")).to_have_text("Notes first")
