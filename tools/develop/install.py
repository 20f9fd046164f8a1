"""Install a set of packages for `make`: Python packages with uv or pip, Node packages with npm.

    install.py tools|run|dev     a set into .venv, and node_modules; each set contains those before it
    install.py NAME              another set, such as audit, into a separate environment: .venv-NAME

It uses only the standard library, as it runs before any package is installed.
"""

import ast
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

SETS = ("tools", "run", "dev")
_VENV = Path(".venv")
_PYTHON = _VENV / "bin" / "python"
_PIP = [str(_PYTHON), "-m", "pip", "--disable-pip-version-check"]
_NPM = [str(_VENV / "bin" / "npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
# Large packages that few commands import, so they are compiled only at their first import.
_RARELY_IMPORTED = "/(cfnlint|fontTools|matplotlib|moto|mpl_toolkits|networkx|numpy|PIL|playwright|pygments|sympy)/"
_LOCK = ("--require-hashes", "-r")
_NODE_STAMP = Path("node_modules", ".installed")  # npm removes it first
_UNFINISHED_MARKER = _VENV / ".unfinished"

# Errors of pip, npm and Python when the network or the package index does not respond.
_NO_NETWORK = re.compile(
    r"Connection refused|Connection reset by peer|Temporary failure in name resolution|Name or service not known"
    r"|nodename nor servname provided|Network is unreachable|No route to host|timed out"
    r"|\bE(?:NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH)\b"
)


class SetupError(Exception):
    """A program failed; the message has its command and its output."""


class NoNetworkError(SetupError):
    """A program failed because there is no network, and so before it changed anything."""


def explain_network(output: str) -> str | None:
    """Return an error message if an installer failed because of the network; otherwise None.

    Args:
        output: output of the installer.
    """
    if not (cause := _NO_NETWORK.search(output)):
        return None
    return (
        f"the packages cannot be reached over the network ({cause[0]}). "
        "Check the connection, the proxy and the settings of pip and npm, then run make again."
    )


def uv_settings(pip_config: str, environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Translate pip's settings for uv, which does not read them. uv's own variables take precedence.

    Args:
        pip_config: output of `pip config list`, with a line `SECTION.NAME='VALUE'` for each setting.
        environment: environment variables.

    Returns:
        Variables to add to the environment, and options for uv's command line.
    """
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}  # later sections take precedence
    for section, name, value in re.findall(r"^(.+?)\.([\w-]+)=(.+)$", pip_config, re.MULTILINE):
        sections.get(section, {})[name.removeprefix("default-")] = ast.literal_eval(value)
    pip = sections["global"] | sections["install"] | sections[":env:"]

    def split_setting(name: str) -> list[str]:
        return pip.get(name, "").split()

    # uv refuses folders that do not exist.
    folders = (word for word in split_setting("find-links") if "://" in word or Path(word).exists())
    settings = {  # by uv's present and former names of a setting
        ("UV_INDEX_STRATEGY",): "unsafe-best-match",  # use the best match of all indexes, as pip does
        ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS"): "true",
        ("UV_INDEX_URL", "UV_DEFAULT_INDEX"): pip.get("index-url"),
        ("UV_EXTRA_INDEX_URL", "UV_INDEX"): " ".join(split_setting("extra-index-url")),
        ("UV_FIND_LINKS",): ",".join(folders),
        ("UV_INSECURE_HOST",): " ".join(split_setting("trusted-host")),
        ("UV_HTTP_TIMEOUT",): pip.get("timeout"),
    }
    general = {
        "SSL_CERT_FILE": pip.get("cert") or environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE"),
        "SSL_CLIENT_CERT": pip.get("client-cert"),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), pip.get("proxy")),
    }
    uv_variables = {names[0]: value for names, value in settings.items() if not environment.keys() & set(names)}
    has_no_index = pip.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t")
    variables = {name: value for name, value in (uv_variables | general).items() if value}
    return variables, ["--no-index"] if has_no_index else []


class Installer:
    """Installs Python packages into an environment, with uv, or with pip once uv has failed."""

    def __init__(self, python: Path) -> None:
        """Create an installer for the environment of a Python interpreter."""
        self.processes: list[subprocess.Popen[str]] = []
        self.is_stopped = False
        self._python = str(python)
        self._uv: list[str] | None = None
        self._variables: dict[str, str] = {}

    def start(self, *command: str, **variables: str) -> "subprocess.Popen[str]":
        """Start a program, whose output `finish` returns.

        Raises:
            SetupError: the program does not exist, or is for another system.
            KeyboardInterrupt: a stop signal has arrived.
        """
        if self.is_stopped:
            raise KeyboardInterrupt
        try:
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | variables,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise SetupError(f"`{' '.join(command)}` failed:\n{error}") from None
        self.processes.append(process)
        return process

    def finish(self, process: "subprocess.Popen[str]") -> str:
        """Wait for the end of a program, and return its output.

        Raises:
            SetupError: the program failed.
            KeyboardInterrupt: a stop signal has arrived.
        """
        output = process.communicate()[0]
        if self.is_stopped:
            raise KeyboardInterrupt
        if process.returncode == 0:
            return output
        error = NoNetworkError if explain_network(output) else SetupError
        raise error(f"`{' '.join(cast('tuple[str, ...]', process.args))}` failed:\n{output.rstrip()}")

    def run(self, *command: str, **variables: str) -> str:
        """Run a program; see `finish`."""
        return self.finish(self.start(*command, **variables))

    def prepare_uv(self) -> None:
        """Install uv into .venv-uv, and translate pip's settings for it."""
        try:
            self.run(str(_PYTHON), "-m", "venv", "--clear", "--without-pip", ".venv-uv")
            self.run(
                *_PIP, "--python", ".venv-uv/bin/python", "install", "--quiet", *_LOCK, "locks/requirements-uv.txt"
            )
        except NoNetworkError:
            raise
        except SetupError as error:
            _warn_about_pip(error)
        else:
            self._variables, options = uv_settings(self.run(*_PIP, "config", "list"), os.environ)
            self._uv = [".venv-uv/bin/uv", "pip", "install", "--python", self._python, "--quiet", *options]

    def install(self, *words: str) -> None:
        """Install packages.

        Args:
            words: arguments that both uv and pip accept.

        Raises:
            SetupError: neither could install the packages.
        """
        if self._uv:
            try:
                sys.stderr.write(self.run(*self._uv, *words, **self._variables))
            except SetupError as error:
                self._uv = None
                _warn_about_pip(error)
            else:
                return
        sys.stderr.write(self.run(*_PIP, "--python", self._python, "install", "--quiet", *words))


def _warn_about_pip(error: SetupError) -> None:
    print(f"setup: {error}\nsetup: using pip instead of uv, which takes some minutes", file=sys.stderr)


def _print_status(line: str) -> None:
    print(f"setup: {line}", flush=True)


def _is_current(stamp: Path, *sources: str) -> bool:
    return stamp.exists() and all(Path(source).stat().st_mtime <= stamp.stat().st_mtime for source in sources)


def install_set(name: str, installer: Installer) -> None:
    """Install a set into .venv, and node_modules at the same time."""
    stamps = {set_name: _VENV / f".installed-{set_name}" for set_name in SETS}
    is_intact = not _UNFINISHED_MARKER.exists() and any(stamp.exists() for stamp in stamps.values())
    if not is_intact:  # uv and pip do not repair an incomplete installation
        _print_status(f"Python {sys.version_info.major}.{sys.version_info.minor} into .venv")
        installer.run(sys.executable, "-m", "venv", "--clear", str(_VENV))
    _UNFINISHED_MARKER.touch()
    try:
        _install_packages(name, installer)
    except NoNetworkError:
        _UNFINISHED_MARKER.unlink()
        raise
    for set_name in SETS[: SETS.index(name) + 1]:
        stamps[set_name].touch()
    _UNFINISHED_MARKER.unlink()


def _install_packages(name: str, installer: Installer) -> None:
    _print_status("uv, which installs packages, and Node")
    installer.prepare_uv()
    installer.install(*_LOCK, "locks/requirements-node.txt")
    _print_status(f"packages of locks/requirements-{name}.txt into .venv, and of package-lock.json into node_modules")
    node = None if _is_current(_NODE_STAMP, "package.json", "package-lock.json") else installer.start(*_NPM)
    installer.install(*_LOCK, f"locks/requirements-{name}.txt")
    installer.install("--no-deps", "--no-build-isolation", "--editable", ".")
    installer.start(
        str(_PYTHON), "-m", "compileall", "-qq", "-j0", "-x", _RARELY_IMPORTED, str(_VENV / "lib")
    ).communicate()
    if node:
        installer.finish(node)
        _NODE_STAMP.touch()


def install_environment(name: str, installer: Installer) -> None:
    """Install a set into a separate environment."""
    _print_status(f"packages of locks/requirements-{name}.txt into .venv-{name}")
    installer.run(str(_PYTHON), "-m", "venv", "--clear", "--without-pip", f".venv-{name}")
    installer.prepare_uv()
    installer.install(*_LOCK, f"locks/requirements-{name}.txt")
    Path(f".venv-{name}/.installed").touch()


def main(name: str) -> int:
    """Install a set.

    Returns:
        The exit status: 0 installed, 1 failed, 130 stopped by Ctrl-C.
    """

    def stop(number: int, _: object) -> None:
        installer.is_stopped = True  # Ctrl-C also reaches the programs, which remove their temporary files
        if number == signal.SIGTERM:
            for process in installer.processes:
                process.terminate()

    started = time.monotonic()
    is_set = name in SETS
    installer = Installer(_PYTHON if is_set else Path(f".venv-{name}/bin/python"))
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        (install_set if is_set else install_environment)(name, installer)
    except KeyboardInterrupt:
        for process in installer.processes:
            if process.poll() is None:
                process.communicate()
        print("setup: stopped; the next make starts it again", file=sys.stderr)
        return 130
    except SetupError as error:
        for process in installer.processes:
            process.terminate()
            process.wait()
        advice = explain_network(str(error)) or f"{error}\nsetup: correct this, then run make again"
        print(f"setup: {advice}", file=sys.stderr)
        return 1
    _print_status(f"done in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
