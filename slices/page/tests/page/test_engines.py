"""Test of the page in Firefox, and in WebKit, the engine of Safari.

WebDriver controls the browsers: over Marionette's socket for Firefox, over HTTP for WebKitGTK. The tests need three of
its commands, so they use no WebDriver package.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from slices.page.tests.page.fake_server import FakeServer
from tests.waiting import DEADLINE_SECONDS, background_process, wait_for
from tools.local.emulator import find_free_port

_SCRIPT = """
const [done] = arguments, work = async () => { %s }
work().then(value => done({ value }), error => done({ error: String(error) }))
"""
_SESSION = {"timeouts": {"script": 1000 * DEADLINE_SECONDS}}
_MINI_BROWSER = "*/webkit2gtk-*/MiniBrowser"  # below /usr/lib on Debian and Ubuntu

Command = Callable[[str, dict[str, Any]], Any]
"""Runs a WebDriver command, given its name and parameters, and returns its result."""


class Tab(NamedTuple):
    """A browser tab."""

    navigate: Callable[[str], object]  # opens a URL, and waits until the page is loaded
    evaluate: Callable[[str], Any]  # runs the body of an async function, and returns its result


@contextmanager
def firefox() -> Iterator[Tab]:
    """Start Firefox."""
    program = _find("firefox-esr", "firefox", package="firefox-esr")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Firefox writes files while it exits
        profile = Path(folder)
        (profile / "user.js").write_text('user_pref("marionette.port", 0);\n', encoding="utf-8")
        port = profile / "MarionetteActivePort"
        arguments: list[str | Path] = [program, "--headless", "--no-remote", "--marionette", "--profile", profile]
        with background_process(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            wait_for(lambda: port.exists() and port.read_text(encoding="utf-8"), "Firefox")
            with socket.create_connection(
                ("127.0.0.1", int(port.read_text(encoding="utf-8"))), DEADLINE_SECONDS
            ) as connection:
                command = _marionette(connection)
                command("NewSession", {"capabilities": {"alwaysMatch": _SESSION}})
                yield _tab(command)


def _marionette(connection: socket.socket) -> Command:
    stream = connection.makefile("rwb")

    def read() -> Any:
        length = b""
        while (byte := stream.read(1)) != b":":
            length += byte
        return json.loads(stream.read(int(length)))

    def command(name: str, parameters: dict[str, Any]) -> Any:
        message = json.dumps([0, 1, f"WebDriver:{name}", parameters]).encode()
        stream.write(b"%d:%b" % (len(message), message))
        stream.flush()
        *_, error, result = read()
        assert error is None, (name, error)
        return result.get("value")

    read()  # Marionette's greeting
    return command


@contextmanager
def webkit() -> Iterator[Tab]:
    """Start WebKitGTK on a virtual screen."""
    driver, xvfb = _find("WebKitWebDriver", package="webkit2gtk-driver"), _find("Xvfb", package="xvfb")
    binary = next(iter(sorted(Path("/usr/lib").glob(_MINI_BROWSER))), None)
    if binary is None:
        pytest.skip("no MiniBrowser of WebKitGTK; apt-get install webkit2gtk-driver")
    session = {"webkitgtk:browserOptions": {"binary": str(binary), "args": ["--automation"]}}
    port = find_free_port()
    with (
        background_process(
            [xvfb, "-displayfd", "1", "-nolisten", "tcp"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as display,
        background_process([driver, f"--port={port}"], env=os.environ | {"DISPLAY": f":{_read_line(display)}"}),
    ):
        wait_for(lambda: _is_listening(port), "WebKitWebDriver")
        address = f"http://127.0.0.1:{port}/session"
        created = _post(address, {"capabilities": {"alwaysMatch": _SESSION | session}})
        paths = {"Navigate": "url", "ExecuteAsyncScript": "execute/async"}
        session_url = f"{address}/{created['sessionId']}"
        yield _tab(lambda name, parameters: _post(f"{session_url}/{paths[name]}", parameters))


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _read_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout
    return process.stdout.readline().decode().strip()


def _post(url: str, parameters: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(parameters).encode())  # noqa: S310  always this machine
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as response:  # noqa: S310
        return json.load(response)["value"]


def _tab(command: Command) -> Tab:
    def evaluate(body: str) -> Any:
        result = command("ExecuteAsyncScript", {"script": _SCRIPT % body, "args": []})
        assert "error" not in result, (body, result)
        return result.get("value")

    return Tab(lambda url: command("Navigate", {"url": url}), evaluate)


def _find(*names: str, package: str) -> str:
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip(f"no {names[0]}; apt-get install {package}")
    return program


PUNCHES = 3
_PRESS_SCRIPT = """
document.getElementById("employee").value = EMPLOYEE
document.getElementById("press").click()
const outcome = document.getElementById("outcome")
while (["", "busy"].includes(outcome.className)) await new Promise(requestAnimationFrame)
return outcome.className
"""
_READ_STATES = """return Array.from(document.querySelectorAll("#punches .state"), state => state.className)"""
_COUNT_COPIES = """
let count = 0
for (const name of await caches.keys())
    if (!name.startsWith("shell ")) count += (await (await caches.open(name)).keys()).length
return count
"""
_CLEAR_STORE = (
    """await new Promise((resolve, reject) =>
        Object.assign(indexedDB.deleteDatabase("ponto"), { onsuccess: resolve, onerror: reject }))""",
    """for (const name of await caches.keys()) if (!name.startsWith("shell ")) await caches.delete(name)""",
)


@pytest.mark.nightly
@pytest.mark.parametrize("engine", [firefox, webkit])
def test_punches_survive_an_outage_an_offline_reload_and_the_loss_of_either_store(
    engine: Callable[[], AbstractContextManager[Tab]], server: FakeServer
) -> None:
    def wait_until_all(state: str) -> None:
        wait_for(lambda: tab.evaluate(_READ_STATES) == [f"state {state}"] * PUNCHES, f"punches that are {state}")

    with engine() as tab:
        tab.navigate(f"{server.url}#key=first")
        tab.evaluate("await navigator.serviceWorker.ready")
        server.is_down = True
        assert [
            tab.evaluate(_PRESS_SCRIPT.replace("EMPLOYEE", str(employee))) for employee in range(1, PUNCHES + 1)
        ] == ["good"] * PUNCHES
        copies = tab.evaluate(_COUNT_COPIES)
        assert copies >= PUNCHES
        for clear in _CLEAR_STORE:
            tab.evaluate(clear)
            tab.navigate(server.url)
            wait_until_all("waiting")
            wait_for(lambda: tab.evaluate(_COUNT_COPIES) == copies, "the copies")
        server.is_down = False
        tab.evaluate("dispatchEvent(new Event('online'))")
        wait_until_all("sent")

    assert [post.body["sequencia"] for post in server.punch_requests] == list(range(1, PUNCHES + 1))
    assert len({post.body["dispositivo"] for post in server.punch_requests}) == 1
