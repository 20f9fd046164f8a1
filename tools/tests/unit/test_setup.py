"""The installation of packages: pip's settings for uv, pip without uv, three sets, and a failed setup."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.kit import install
from tools.kit.project import ROOT

REFUSED = "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused')"


class Programs:
    """Records the commands of an installation instead of running them."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.failures: dict[str, str] = {}  # a part of a command -> the output with which it fails

    def run(self, *command: str, **_: object) -> str:
        line = " ".join(command)
        self.commands.append(line)
        if "-m venv" in line:
            shutil.rmtree(command[-1], ignore_errors=True)
        python, uv = Path(".venv/bin/python"), Path(".venv/bin/uv")
        python.parent.mkdir(parents=True, exist_ok=True)
        Path("node_modules").mkdir(exist_ok=True)
        for part, output in self.failures.items():
            if part in line:
                raise install.SetupError(output)
        if "locks/uv.txt" in line:
            uv.touch()
        return ""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder with the files that an installation reads; return it."""
    makefiles = [str(path.relative_to(ROOT)) for path in (ROOT / "Makefile", *ROOT.glob("*/*.mk"))]
    for name in makefiles:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "locks").mkdir()
    locks = [f"locks/{path.name}" for path in (ROOT / "locks").iterdir()]
    for name in (*locks, "pyproject.toml", "package.json", "package-lock.json"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def programs(project: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    assert project
    programs = Programs()
    monkeypatch.setattr(install, "run", programs.run)
    return programs


def make(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"]}  # without the variables of the `make` that runs the tests
    return subprocess.run(["make", *words], cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_settings_of_pip_are_passed_to_uv_after_its_own_variables() -> None:
    pip = (
        ":env:.index-url='https://two'\nglobal.index-url='https://one'\nglobal.find-links='/ https://links /not-there'"
        "\ninstall.extra-index-url='\\nhttps://three\\nhttps://four'\n:env:.default-timeout='180'\nglobal.cert='/ca.pem'"
        "\ndownload.trusted-host='no'\nglobal.no-index='false'\nglobal.proxy='http://proxy:3128'"
    )

    assert install.uv_environment(pip, {"SSL_CERT_FILE": "/own.pem"}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "true",
        "UV_DEFAULT_INDEX": "https://two",
        "UV_INDEX": "https://three https://four",
        "UV_FIND_LINKS": "/,https://links",
        "UV_HTTP_TIMEOUT": "180",
        "ALL_PROXY": "http://proxy:3128",
        "SSL_CERT_FILE": "/own.pem",
    }


@pytest.mark.parametrize(
    ("target", "sets"),
    [("setup", ["tools"]), ("deploy", ["tools"]), ("run", ["run"]), ("check", ["dev", "audit"])],
)
def test_target_installs_only_the_sets_that_it_needs(project: Path, target: str, sets: list[str]) -> None:
    printed = make(project, "--dry-run", target).stdout

    assert [line.split()[-1] for line in printed.splitlines() if "install.py" in line] == sets


def test_set_is_installed_once_with_those_before_it_and_again_with_a_new_lock(
    project: Path, programs: Programs
) -> None:
    install.main("run")

    def is_installed(name: str) -> bool:
        return "install.py" not in make(project, "--dry-run", name).stdout

    assert (is_installed("setup"), is_installed("setup-run"), is_installed("setup-dev")) == (True, True, False)
    os.utime("locks/tools.txt", (2**32, 2**32))
    assert (is_installed("setup"), is_installed("setup-run")) == (False, True)
    shutil.rmtree("node_modules")
    assert not is_installed("setup-run")
    programs.commands.clear()
    install.main("run")
    assert any("npm ci" in line for line in programs.commands)
    assert not any("venv --clear" in line for line in programs.commands)


@pytest.mark.parametrize(("output", "is_created_again"), [("No space left on device", True), (REFUSED, False)])
def test_incomplete_environment_is_created_again_unless_only_the_network_failed(
    programs: Programs, output: str, is_created_again: bool
) -> None:
    install.main("tools")
    programs.failures = {"locks/run.txt": output}
    assert install.main("run") == 1
    programs.failures, programs.commands = {}, []

    assert install.main("run") == 0

    assert any("venv --clear" in line for line in programs.commands) is is_created_again


@pytest.mark.parametrize("printed", [REFUSED, "Temporary failure in name resolution", "npm error code ENOTFOUND"])
def test_missing_network_is_explained(printed: str) -> None:
    assert "over the network" in (install.explain_network(f"...\n{printed}\n") or "")
    assert install.explain_network("ERROR: hashes do not match") is None
