"""The names of the database's roles follow from one constant."""

import json
import shutil
import subprocess
from pathlib import Path

from ponto.database_names import ROLE_PREFIX
from tools.kit.project import ROOT

USERS = "console.log(JSON.stringify(require('./resources/database-users.js')))"


def test_functions_sign_in_as_roles_with_the_prefix(tmp_path: Path) -> None:
    for folder in ("resources", "slices"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    names = (ROOT / "ponto" / "database_names.py").read_text(encoding="utf-8")
    (tmp_path / "ponto").mkdir()
    (tmp_path / "ponto" / "database_names.py").write_text(names.replace(f'"{ROLE_PREFIX}"', '"scans_"'))

    users = json.loads(subprocess.check_output(["node", "-e", USERS], cwd=tmp_path))

    assert users["function"] == "scans_function"
    assert all(user.startswith("scans_") for user in users.values())
