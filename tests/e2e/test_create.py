"""The commands of docs/releasing.md create a copy of the project under another name with `npx osls create`.

tests/template/test_service_name.py tests that such a copy compiles.
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
    """Run the page's commands before `make run`; git clones this repository in place of the remote one."""
    create_command, *_ = documents.split_commands(BLOCK.text)
    _, url, _, name = create_command.removeprefix("npx osls create ").split(" ")
    script = BLOCK.text.replace("npx osls create", "osls create").partition("make run")[0]
    assert "git grep -lz" in script
    assert "xargs -0 perl" in script
    git = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf", "GIT_CONFIG_VALUE_0": url}
    environment = os.environ | git | {"PATH": osls.search_path(os.environ)}
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, check=True)
    return folder / name


def test_copy_has_the_new_name_except_in_links_to_the_original_project(tmp_path: Path) -> None:
    copy = create(tmp_path)

    command = ["git", "grep", "-hoE", f"{osls.service()}[a-z-]*"]
    grep = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=True)
    assert set(grep.stdout.split()) == {"batida-ponto-serverless"}
    command = [sys.executable, "-c", "from tools.kit.osls import stack_name; print(stack_name('local'))"]
    output = subprocess.check_output(command, cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, text=True)
    assert output == f"{copy.name}-local\n"
