"""The installation of packages: pip's settings for uv, pip without uv, three sets, and a failed setup."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.waiting import background_process, wait_for
from tools.develop.install import Installer, NoNetworkError, SetupError, explain_network, install_set, uv_settings
from tools.kit.project import ROOT

INSTALL = ROOT / "tools" / "develop" / "install.py"
DEFAULTS = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "true"}
REFUSED = "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused')"


class FakeInstaller(Installer):
    """Records each command, and starts a fake one in its place."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        """Create the installer.

        Args:
            failures: A part of a command -> the output with which the command fails.
        """
        super().__init__(Path(".venv/bin/python"))
        self.failures = failures
        self.commands: list[str] = []

    def start(self, *command: str, **_: str) -> "subprocess.Popen[str]":
        """Start a fake command; `echo` stands for its output."""
        line = " ".join(command).replace(sys.executable, "python3").replace(" --disable-pip-version-check", "")
        self.commands.append(line)
        Path("node_modules" if "npm" in line else ".venv").mkdir(exist_ok=True)
        printed = next((printed for part, printed in self.failures.items() if part in line), None)
        return super().start("sh", "-c", 'echo "$0"; exit $1', printed or "", "1" if printed else "0")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder with the files that an installation reads; return it."""
    makefiles = [str(path.relative_to(ROOT)) for path in (ROOT / "Makefile", *ROOT.glob("*/*.mk"))]
    for name in (*makefiles, "tools/develop/install.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "locks").mkdir()
    locks = [f"locks/requirements-{name}.txt" for name in ("tools", "run", "dev", "audit", "mutants")]
    for name in (*locks, "pyproject.toml", "package.json", "package-lock.json"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def install(name: str, **failures: str) -> list[str]:
    """Install a set with fake commands; return the commands."""
    installer = FakeInstaller(failures)
    install_set(name, installer)
    return installer.commands


def make(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"]}  # without the variables of the `make` that runs the tests
    return subprocess.run(["make", *words], cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("pip", "uv"),
    [
        ("global.index-url='https://one'\n:env:.index-url='https://two'", {"UV_INDEX_URL": "https://two"}),
        (":env:.index-url='https://two'\nglobal.index-url='https://one'", {"UV_INDEX_URL": "https://two"}),
        ("install.extra-index-url='\\nhttps://one\\nhttps://two'", {"UV_EXTRA_INDEX_URL": "https://one https://two"}),
        ("global.find-links='/ https://one/links /not-there'", {"UV_FIND_LINKS": "/,https://one/links"}),
        ("global.trusted-host='one two:8080'", {"UV_INSECURE_HOST": "one two:8080"}),
        (":env:.default-timeout='180'", {"UV_HTTP_TIMEOUT": "180"}),
        ("global.cert='/ca.pem'", {"SSL_CERT_FILE": "/ca.pem"}),
        ("global.client-cert='/client.pem'", {"SSL_CLIENT_CERT": "/client.pem"}),
        (
            "global.proxy='http://proxy:3128'",
            dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://proxy:3128"),
        ),
        ("download.index-url='https://one/simple'\nglobal.no-index='false'", {}),
    ],
)
def test_settings_of_pip_are_translated_for_uv(pip: str, uv: dict[str, str]) -> None:
    assert uv_settings(pip, {}) == (DEFAULTS | uv, [])
    assert uv_settings(f"{pip}\ninstall.no-index='yes'", {}) == (DEFAULTS | uv, ["--no-index"])


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_uv_uses_the_certificates_that_pip_uses(variable: str) -> None:
    assert uv_settings("", {variable: "/ca.pem"}) == (DEFAULTS | {"SSL_CERT_FILE": "/ca.pem"}, [])


def test_variables_of_uv_come_before_settings_of_pip() -> None:
    pip = "global.index-url='https://one'\nglobal.extra-index-url='https://two'\nglobal.find-links='/'"
    variables = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_INDEX_STRATEGY", "UV_NATIVE_TLS")

    assert uv_settings(pip, dict.fromkeys(variables, "other")) == ({}, [])


@pytest.mark.usefixtures("project")
def test_set_is_installed_by_uv_beside_node_packages() -> None:
    pip = ".venv/bin/python -m pip"
    uv = ".venv-uv/bin/uv pip install --python .venv/bin/python --quiet"

    commands = install("run")

    assert commands == [
        "python3 -m venv --clear .venv",
        ".venv/bin/python -m venv --clear --without-pip .venv-uv",
        f"{pip} --python .venv-uv/bin/python install --quiet --require-hashes -r locks/requirements-uv.txt",
        f"{pip} config list",
        f"{uv} --require-hashes -r locks/requirements-node.txt",
        ".venv/bin/npm ci --no-audit --no-fund --ignore-scripts --loglevel=error",
        f"{uv} --require-hashes -r locks/requirements-run.txt",
        f"{uv} --no-deps --no-build-isolation --editable .",
        *[line for line in commands if "compileall" in line],
    ]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "failures",
    [
        {"requirements-uv": "No matching distribution found for uv"},
        {"uv pip install": "error: invalid peer certificate"},
    ],
    ids=["uv cannot be installed", "uv fails"],
)
def test_pip_installs_with_hashes_where_uv_does_not(
    failures: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    commands = install("run", **failures)

    pip = ".venv/bin/python -m pip --python .venv/bin/python install --quiet"
    assert f"{pip} --require-hashes -r locks/requirements-node.txt" in commands
    assert f"{pip} --require-hashes -r locks/requirements-run.txt" in commands
    assert f"{pip} --no-deps --no-build-isolation --editable ." in commands
    assert len([line for line in commands if "uv pip" in line]) <= 1
    (printed,) = failures.values()
    assert f"{printed}\nsetup: using pip instead of uv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "sets"),
    [
        ("setup", ["tools"]),
        ("deploy", ["tools"]),
        ("setup-run", ["run"]),
        ("run", ["run"]),
        ("setup-dev", ["dev", "audit"]),
        ("check", ["dev", "audit"]),
        ("mutants", ["dev", "audit", "mutants"]),  # only in the reference
    ],
)
def test_target_installs_only_the_sets_that_it_needs(project: Path, target: str, sets: list[str]) -> None:
    printed = make(project, "--dry-run", target).stdout

    installed = [line.split()[-1] for line in printed.splitlines() if "install.py" in line]
    assert installed == sets


def test_set_is_installed_once_with_those_before_it_and_again_with_a_new_lock(project: Path) -> None:
    install("run")

    def is_installed(name: str) -> bool:
        return "install.py" not in make(project, "--dry-run", name).stdout

    assert (is_installed("setup"), is_installed("setup-run"), is_installed("setup-dev")) == (True, True, False)
    os.utime("locks/requirements-tools.txt", (2**32, 2**32))
    assert (is_installed("setup"), is_installed("setup-run")) == (False, True)
    shutil.rmtree("node_modules")
    assert not is_installed("setup-run")
    commands = install("run")
    assert any("npm ci" in line for line in commands)
    assert "python3 -m venv --clear .venv" not in commands


@pytest.mark.usefixtures("project")
def test_unfinished_environment_is_created_again() -> None:
    with pytest.raises(SetupError, match="hashes do not match"):
        install("tools", requirements="ERROR: hashes do not match")
    assert "python3 -m venv --clear .venv" in install("tools")
    with pytest.raises(SetupError):
        install("dev", requirements="ERROR: No space left on device")
    assert "python3 -m venv --clear .venv" in install("tools")


@pytest.mark.usefixtures("project")
def test_missing_network_leaves_installed_sets_usable() -> None:
    install("tools")
    with pytest.raises(NoNetworkError, match="Connection refused"):
        install("run", requirements=REFUSED)

    assert "python3 -m venv --clear .venv" not in install("run")


@pytest.mark.parametrize("printed", [REFUSED, "Temporary failure in name resolution", "npm error code ENOTFOUND"])
def test_missing_network_is_explained_in_one_line(printed: str) -> None:
    line = explain_network(f"...\n{printed}\n") or ""

    assert re.fullmatch(
        r"the packages cannot be reached over the network \(.+\)\. Check the connection, .*, then run make again\.",
        line,
    )
    assert explain_network("ERROR: hashes do not match") is None


def test_failed_program_is_named_with_its_output_and_what_to_do(project: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-I", INSTALL, "audit"], cwd=project, capture_output=True, text=True, check=False
    )

    assert run.returncode == 1
    failed, printed, advice = run.stderr.splitlines()
    assert re.fullmatch(r"setup: `\.venv/bin/python -m venv .*` failed:", failed)
    assert "No such file or directory" in printed
    assert advice == "setup: correct this, then run make again"


def test_ctrl_c_waits_for_the_installer(project: Path) -> None:
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        "#!/bin/sh\ntrap 'sleep 0.2; touch cleaned; exit 1' INT\ntouch started\nwhile :; do sleep 0.1; done\n"
    )
    python.chmod(0o755)
    (project / ".venv" / ".installed-tools").touch()
    command = [sys.executable, "-I", str(INSTALL), "run"]
    with background_process(command, start_new_session=True, stderr=subprocess.PIPE, text=True) as process:
        wait_for((project / "started").exists, "the installer")
        os.killpg(process.pid, signal.SIGINT)
        _, printed = process.communicate()

    assert (process.returncode, printed) == (130, "setup: stopped; the next make starts it again\n")
    assert (project / "cleaned").exists()


def test_missing_python_is_reported_in_one_line(project: Path) -> None:
    run = make(project, "PYTHON=python9.9", "run")

    printed, error_of_make = run.stderr.splitlines()
    assert printed == "python9.9 is not installed. Name a Python of 3.11 or newer: make PYTHON=python3.13 run"
    assert error_of_make.startswith("make: ***")
    assert run.stdout == ""
    assert not (project / ".venv").exists()
