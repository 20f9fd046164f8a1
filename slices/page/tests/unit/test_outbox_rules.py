"""Test of the page's outbox: Node runs `outbox.test.mjs` on a copy of the page's files with a database in memory."""

import shutil
import subprocess
from pathlib import Path

from slices.page.site import WEB

TESTS = Path(__file__).with_name("outbox.test.mjs")
DATABASE_FUNCTIONS = ("findOldestWaiting", "getSettings", "listPunches", "saveSetting", "updatePunch", "updateSettings")


def test_outbox_follows_the_responses(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WEB, tmp_path / "web"))
    (folder / TESTS.name).write_bytes(TESTS.read_bytes())
    in_memory = (f"export const {name} = (...values) => database.{name}(...values)\n" for name in DATABASE_FUNCTIONS)
    (folder / "database.js").write_text("".join(in_memory))

    command = ["node", "--no-warnings", "--test", TESTS.name]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr
