"""A copy of the project under another name, with another prefix of its database roles."""

import json
import subprocess
import sys
from pathlib import Path

from ponto.sql_names import ROLE_PREFIX
from tests.template.compiled import PackageProject, copy_without_requirements
from tools.kit import osls


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_renamed_copy_compiles_without_the_old_name(tmp_path: Path, package_project: PackageProject) -> None:
    project = copy_without_requirements(tmp_path)
    # `npx osls create --name` makes the first change.
    replace(project / "serverless.yml", f"\nservice: {osls.service()}\n", "\nservice: outro-nome\n")
    replace(project / "ponto" / "sql_names.py", f'"{ROLE_PREFIX}"', '"scans_"')

    package = package_project(project, "prod")

    template = package.template()
    assert package.zip_file.name == "outro-nome.zip"
    assert package.zip_file.is_file()
    functions = template.by_type("AWS::Lambda::Function").values()
    assert {function["FunctionName"][:16] for function in functions} == {"outro-nome-prod-"}
    users = {function["Environment"]["Variables"].get("DB_USER") for function in functions}
    assert {user for user in users if user and not user.startswith("scans_")} == {"ponto"}  # the owner
    assert f"{osls.service()}-" not in json.dumps(template.document)  # alone, it may be a noun too
    command = [sys.executable, "-c", "from tools.kit.osls import stack_name; print(stack_name('dev'))"]
    assert subprocess.check_output(command, cwd=project, text=True) == "outro-nome-dev\n"  # used by the commands
