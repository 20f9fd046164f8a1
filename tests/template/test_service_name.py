"""A copy under another name is that service everywhere: its stack, its functions, and what commands ask for."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.serving import Request, Response, answering
from tests.template.compiled import Pack, copied
from tools.kit import osls
from tools.kit.packaging import NO_AWS, copy_project


def renamed(project: Path, name: str) -> Path:
    """Rename a copy as `npx osls create --name` does."""
    file = project / "serverless.yml"
    text = file.read_text(encoding="utf-8")
    line = f"\nservice: {osls.service()}\n"
    assert text.count(line) == 1
    file.write_text(text.replace(line, f"\nservice: {name}\n"), encoding="utf-8")
    return project


def test_a_renamed_copy_compiles_and_no_name_is_the_old_one(tmp_path: Path, packed: Pack) -> None:
    compiled = packed(renamed(copied(tmp_path), "outro-nome"), "prod")
    template = compiled.template()

    assert compiled.zip_file.name == "outro-nome.zip"
    assert compiled.zip_file.is_file()
    names = {function["FunctionName"] for function in template.of_type("AWS::Lambda::Function").values()}
    assert {name[:16] for name in names} == {"outro-nome-prod-"}
    assert osls.service() not in json.dumps(template.document)


def test_the_commands_of_a_renamed_copy_ask_for_its_stack(tmp_path: Path) -> None:
    project = renamed(copy_project(tmp_path / "project"), "outro-nome")
    asked: list[bytes] = []

    def answer(request: Request) -> Response:
        asked.append(request.body)
        error = (
            "<Error><Code>ValidationError</Code><Message>Stack with id outro-nome-dev does not exist</Message></Error>"
        )
        return 400, {"content-type": "text/xml"}, f"<ErrorResponse>{error}</ErrorResponse>".encode()

    with answering(answer) as url:
        given = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": url}
        done = subprocess.run(
            [sys.executable, "-m", "tools.cli", "dlq", "list", "--stage", "dev", "--region", "sa-east-1"],
            cwd=project,
            env=os.environ | NO_AWS | given,
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 2
    assert "no stack outro-nome-dev in sa-east-1" in done.stderr
    assert any(b"StackName=outro-nome-dev" in body for body in asked)
