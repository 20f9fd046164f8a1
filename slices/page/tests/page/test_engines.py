"""The page in the other engines that employees have: Firefox', and WebKit, which is Safari's.

Firefox (over Marionette, a socket) and WebKitGTK (over HTTP) have WebDriver's commands. Three are enough here, so that
the packages that have them all need not be installed by everybody.
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
from tests.waiting import DEADLINE, started, wait_for
from tools.local.emulator import free_port

_SCRIPT = """
const [done] = arguments, work = async () => { %s }
work().then(value => done({ value }), error => done({ error: String(error) }))
"""
_SESSION = {"timeouts": {"script": 1000 * DEADLINE}}
_WEBKIT = "*/webkit2gtk-*/MiniBrowser"  # below /usr/lib, of Debian and Ubuntu

Command = Callable[[str, dict[str, Any]], Any]
"""Gives what WebDriver's command of a name returns."""


class Tab(NamedTuple):
    """A tab of some browser."""

    go: Callable[[str], object]  # open an address, and wait until it is loaded
    ask: Callable[[str], Any]  # run the body of an async function, and give what it returns


@contextmanager
def firefox() -> Iterator[Tab]:
    """Start Firefox."""
    program = _find("firefox-esr", "firefox", package="firefox-esr")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # it still writes while it ends
        profile = Path(folder)
        (profile / "user.js").write_text('user_pref("marionette.port", 0);\n', encoding="utf-8")
        port = profile / "MarionetteActivePort"
        words: list[str | Path] = [program, "--headless", "--no-remote", "--marionette", "--profile", profile]
        with started(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            wait_for(lambda: port.exists() and port.read_text(encoding="utf-8"), "Firefox")
            with socket.create_connection(("127.0.0.1", int(port.read_text(encoding="utf-8"))), DEADLINE) as connection:
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

    def command(name: str, given: dict[str, Any]) -> Any:
        message = json.dumps([0, 1, f"WebDriver:{name}", given]).encode()
        stream.write(b"%d:%b" % (len(message), message))
        stream.flush()
        *_, error, result = read()
        assert error is None, (name, error)
        return result.get("value")

    read()  # it introduces itself
    return command


@contextmanager
def webkit() -> Iterator[Tab]:
    """Start WebKitGTK, on a screen that nobody sees."""
    driver, screen = _find("WebKitWebDriver", package="webkit2gtk-driver"), _find("Xvfb", package="xvfb")
    binary = next(iter(sorted(Path("/usr/lib").glob(_WEBKIT))), None)
    if binary is None:
        pytest.skip("no MiniBrowser of WebKitGTK; apt-get install webkit2gtk-driver")
    session = {"webkitgtk:browserOptions": {"binary": str(binary), "args": ["--automation"]}}
    port = free_port()
    with (
        started(
            [screen, "-displayfd", "1", "-nolisten", "tcp"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as x,
        started([driver, f"--port={port}"], env=os.environ | {"DISPLAY": f":{_line(x)}"}),
    ):
        wait_for(lambda: _listens(port), "WebKitWebDriver")
        address = f"http://127.0.0.1:{port}/session"
        made = _post(address, {"capabilities": {"alwaysMatch": _SESSION | session}})
        paths = {"Navigate": "url", "ExecuteAsyncScript": "execute/async"}
        own = f"{address}/{made['sessionId']}"
        yield _tab(lambda name, given: _post(f"{own}/{paths[name]}", given))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout
    return process.stdout.readline().decode().strip()


def _post(address: str, given: dict[str, Any]) -> Any:
    request = urllib.request.Request(address, json.dumps(given).encode())  # noqa: S310  one of this machine
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:  # noqa: S310
        return json.load(answer)["value"]


def _tab(command: Command) -> Tab:
    def ask(body: str) -> Any:
        result = command("ExecuteAsyncScript", {"script": _SCRIPT % body, "args": []})
        assert "error" not in result, (body, result)
        return result.get("value")

    return Tab(lambda url: command("Navigate", {"url": url}), ask)


def _find(*names: str, package: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"no {names[0]}; apt-get install {package}")
    return found


PUNCHES = 3
_PRESS_SCRIPT = """
document.getElementById("employee").value = EMPLOYEE
document.getElementById("press").click()
const outcome = document.getElementById("outcome")
while (outcome.textContent === "") await new Promise(requestAnimationFrame)
return outcome.className
"""
_STATES = """return Array.from(document.querySelectorAll("#punches .state"), state => state.className)"""
_COPIES = """
let count = 0
for (const name of await caches.keys())
    if (!name.startsWith("shell ")) count += (await (await caches.open(name)).keys()).length
return count
"""
_LOSE = (
    """await new Promise((resolve, reject) =>
        Object.assign(indexedDB.deleteDatabase("ponto"), { onsuccess: resolve, onerror: reject }))""",
    """for (const name of await caches.keys()) if (!name.startsWith("shell ")) await caches.delete(name)""",
)


@pytest.mark.nightly
@pytest.mark.parametrize("engine", [firefox, webkit])
def test_punches_outlive_an_outage_a_reload_without_network_and_the_loss_of_either_store(
    engine: Callable[[], AbstractContextManager[Tab]], server: FakeServer
) -> None:
    def shows(state: str) -> None:
        wait_for(lambda: tab.ask(_STATES) == [f"state {state}"] * PUNCHES, f"punches that are {state}")

    with engine() as tab:
        tab.go(f"{server.url}#key=first")
        tab.ask("await navigator.serviceWorker.ready")
        server.is_down = True
        assert [tab.ask(_PRESS_SCRIPT.replace("EMPLOYEE", str(employee))) for employee in range(1, PUNCHES + 1)] == [
            "good"
        ] * PUNCHES
        copies = tab.ask(_COPIES)
        assert copies >= PUNCHES
        for lose in _LOSE:
            tab.ask(lose)
            tab.go(server.url)
            shows("waiting")
            wait_for(lambda: tab.ask(_COPIES) == copies, "the copies")
        server.is_down = False
        tab.ask("dispatchEvent(new Event('online'))")
        shows("sent")

    assert [post.body["sequencia"] for post in server.punch_requests] == list(range(1, PUNCHES + 1))
    assert len({post.body["dispositivo"] for post in server.punch_requests}) == 1
