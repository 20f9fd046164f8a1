"""`make rows`, on a real database."""

import os
import subprocess
import sys
from pathlib import Path

from tests.company import fill, write_stack
from tools.kit.project import ROOT

LONG = "a device whose name has sixty-four characters, which is the most"


def test_a_device_is_shown_whole_and_a_terminal_gets_no_control_characters(migrated_url: str, tmp_path: Path) -> None:
    fill(migrated_url, "alter table batida drop constraint if exists batida_dispositivo_check")  # it may refuse a name
    fill(
        migrated_url,
        "insert into batida (id, usuario_id, ponto, dispositivo) "
        "select gen_random_uuid(), 7, '2026-10-01T08:00Z', device from unnest(%s) as device",
        ["\u009b2J\u202eab", "gate", LONG],
    )
    write_stack(tmp_path, migrated_url)

    shown = subprocess.run(
        [sys.executable, "-m", "tools.local.rows", "--state", tmp_path],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "?2J?ab" in shown
    assert shown.replace("\n", "").isprintable()
    assert f"  {LONG}\n" in shown
