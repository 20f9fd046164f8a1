"""docs/releasing.md, done: whoever makes a copy by `npx osls create` has a project under another name, everywhere.

That such a copy compiles tests/template/test_service_name.py shows.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import documents
from tools.kit import osls
from tools.kit.project import ROOT

pytestmark = pytest.mark.nightly

BLOCK = next(block for block in documents.blocks(ROOT / "docs" / "releasing.md") if "osls create" in block.text)


def create(folder: Path) -> Path:
    """Do what the page says, up to `make run`; git finds this repository's last commit under the address."""
    words, *_ = documents.split_commands(BLOCK.text)
    _, url, _, name = words.removeprefix("npx osls create ").split(" ")
    script = BLOCK.text.replace("npx osls create", "osls create").partition("make run")[0]
    assert "git grep -lz" in script
    assert "xargs -0 perl" in script
    git = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf", "GIT_CONFIG_VALUE_0": url}
    given = os.environ | git | {"PATH": osls.search_path(os.environ)}
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=given, check=True)
    return folder / name


def test_a_copy_has_the_new_name_but_where_it_says_where_the_project_is_from(tmp_path: Path) -> None:
    copy = create(tmp_path)

    searched = ["git", "grep", "-hoE", f"{osls.service()}[a-z-]*"]
    found = subprocess.run(searched, cwd=copy, capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) == {"batida-ponto-serverless"}
    command = [sys.executable, "-c", "from tools.kit.osls import stack_name; print(stack_name('local'))"]
    named = subprocess.check_output(command, cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, text=True)
    assert named == f"{copy.name}-local\n"
