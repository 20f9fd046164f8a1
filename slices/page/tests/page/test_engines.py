"""The page in the engines that employees have: Chromium's, Firefox', and WebKit, which is Safari's."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from slices.page.tests.page.between import Between
from slices.page.tests.page.engines import Tab, chromium, firefox, webkit
from tests.waiting import wait_for

PUNCHES = 3
_PRESS = """
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
@pytest.mark.parametrize("engine", [chromium, firefox, webkit])
def test_punches_outlive_an_outage_a_reload_without_network_and_the_loss_of_either_store(
    engine: Callable[[], AbstractContextManager[Tab]], server: Between
) -> None:
    def shows(state: str) -> None:
        wait_for(lambda: tab.ask(_STATES) == [f"state {state}"] * PUNCHES, f"punches that are {state}")

    with engine() as tab:
        tab.go(f"{server.url}#key=first")
        tab.ask("await navigator.serviceWorker.ready")
        server.down = True
        assert [tab.ask(_PRESS.replace("EMPLOYEE", str(employee))) for employee in range(1, PUNCHES + 1)] == [
            "good"
        ] * PUNCHES
        copies = tab.ask(_COPIES)
        assert copies >= PUNCHES
        for lose in _LOSE:
            tab.ask(lose)
            tab.go(server.url)
            shows("waiting")
            wait_for(lambda: tab.ask(_COPIES) == copies, "the copies")
        server.down = False
        tab.ask("dispatchEvent(new Event('online'))")
        shows("sent")

    assert [post.body["sequencia"] for post in server.posts] == list(range(1, PUNCHES + 1))
    assert len({post.body["dispositivo"] for post in server.posts}) == 1
