"""The page's outbox, run by Node: `outbox.test.mjs`, beside a copy of the page's files whose database is in memory."""

import shutil
import subprocess
from pathlib import Path

from slices.page.site import WEB

TESTS = Path(__file__).with_name("outbox.test.mjs")
DATABASE = ("all", "mark", "oldestWaiting", "remember", "remembered", "update")


def test_outbox_does_what_the_answers_ask(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WEB, tmp_path / "web"))
    (folder / TESTS.name).write_bytes(TESTS.read_bytes())
    in_memory = (f"export const {name} = (...given) => database.{name}(...given)\n" for name in DATABASE)
    (folder / "database.js").write_text("".join(in_memory))

    command = ["node", "--no-warnings", "--test", TESTS.name]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr
