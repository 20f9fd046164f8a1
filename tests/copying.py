"""Runs the documented psql commands that copy rows from one database to another."""

import re
import subprocess
from pathlib import Path

from tests.database import Database
from tools.kit.project import ROOT
from tools.local import postgres_programs


def copy_rows(document: Path, heading: str, older: Database, new: Database, folder: Path) -> None:
    """Run the psql commands of a section in a folder: `psql -1` on the new database, the others on the older one."""
    section = document.read_text(encoding="utf-8").partition(f"# {heading}\n")[2]
    (block, *_) = re.findall(r"^```sh aws\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    (folder / "slices").unlink(missing_ok=True)
    (folder / "slices").symlink_to(ROOT / "slices")
    script = f"""set -e
psql() {{
  url='{older.url}'
  if [ "$1" = -1 ]; then url='{new.url}'; fi
  '{postgres_programs.find("psql")}' "${{@/#pontodb/$url}}"
}}
{block}"""
    subprocess.run(["bash", "-c", script], cwd=folder, env=postgres_programs.environment(), check=True)
