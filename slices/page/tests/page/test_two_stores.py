"""Tests of the page's two stores: one is lost, fails, or is behind the other."""

import itertools
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from slices.page.tests.page import phones
from slices.page.tests.page.fake_server import FakeServer, PlannedResponse, accept
from slices.page.tests.page.phones import (
    CACHE_STORAGE,
    INDEXED_DB,
    SENT,
    WAITING,
    Phone,
    clock_script,
    export_punches,
    press_repeatedly,
    punch,
    trigger_online,
    wait_for_states,
)
from tests.waiting import wait_for

EMPLOYEE = 123
KEY_FRAGMENT = "#key=first"
RESTORED = "Uma das duas cópias dos dados"

_READ_STORES = """
async () => {
    const first = await (await import("./database.js")).listAllPunches()
    const replica = await import("./replica.js")
    const names = (await replica.listNames()).filter(name => name.startsWith("punch/"))
    const second = await Promise.all(names.map(replica.readValue))
    return [first, second].map(all =>
        all.map(({ body, state }) => [body.sequencia, body.id, state]).sort(([one], [other]) => one - other))
}
"""


def punches_in_both_stores(page: Page) -> list[list[Any]]:
    """Return number, id and state of each punch, after checking that both stores have the same."""
    first, second = page.evaluate(_READ_STORES)
    assert first == second
    assert isinstance(first, list)
    return first


def wait_for_stored(page: Page, *states: str) -> None:
    """Wait until the punches in the first store have these states, by number."""
    wait_for(lambda: [state for *_, state in page.evaluate(_READ_STORES)[0]] == [*states], "the states")


def numbers(page: Page) -> list[int]:
    """Return the numbers of the punches in both stores."""
    return [number for number, *_ in punches_in_both_stores(page)]


def open_and_name(phone: Phone, *, kiosk: bool = False) -> Page:
    """Open the page with a key, and save a name of the device."""
    page = phone.open(KEY_FRAGMENT, worker=False)
    page.locator("#settings").evaluate("details => { details.open = true }")
    page.locator("#device").fill("Portão 1")
    page.get_by_label("Quiosque").set_checked(kiosk)
    page.get_by_role("button", name="Salvar").click()
    expect(page.locator("#saved")).to_have_text("Salvo.")
    return page


def require_identity(page: Page, key: str = "irst") -> None:
    """Require that the page shows the end of its key and the device's name."""
    expect(page.locator("#key-state")).to_contain_text(key)
    expect(page.locator("#device")).to_have_value("Portão 1")


def test_a_lost_store_is_restored_from_the_other(server: FakeServer, phone: Phone) -> None:
    server.planned_responses = [PlannedResponse(), PlannedResponse(), PlannedResponse(400)]
    server.api = lambda path, headers, body: (
        accept(path, headers, body)
        if body is not None or path.endswith(server.punch_requests[1].body["id"])
        else server.receipt(path)
    )
    page = open_and_name(phone, kiosk=True)
    for _ in range(3):
        assert "Obrigado" in punch(page, EMPLOYEE)
    wait_for_stored(page, "recorded", "sent", "refused")
    server.is_api_down = True
    punch(page, EMPLOYEE)
    states = ("recorded", "sent", "refused", "waiting")
    wait_for_stored(page, *states)
    punches, file = punches_in_both_stores(page), export_punches(page)

    for store in CACHE_STORAGE, INDEXED_DB:
        phone.reopen_without_stores(page, store)
        expect(page.locator("#warnings")).to_contain_text(f"{RESTORED} deste aparelho se perdeu, com 4 batidas")
        wait_for_stored(page, *states)
        assert punches_in_both_stores(page) == punches
        assert export_punches(page) == file
    expect(page.locator("#pad")).to_be_visible()
    require_identity(page)
    server.is_api_down = False
    punch(page, EMPLOYEE)
    trigger_online(page)

    wait_for_stored(page, "recorded", "sent", "refused", "sent", "sent")
    assert numbers(page) == [1, 2, 3, 4, 5]
    assert [post.body["sequencia"] for post in server.punch_requests] == [1, 2, 3, 4, 5]
    assert len({post.body["id"] for post in server.punch_requests}) == 5
    assert len({post.body["dispositivo"] for post in server.punch_requests}) == 1
    assert {post.key for post in server.punch_requests} == {"first"}


@pytest.mark.parametrize("store", [INDEXED_DB, CACHE_STORAGE])
def test_a_store_lost_while_the_page_is_open_is_restored_at_the_next_press(
    store: str, server: FakeServer, phone: Phone
) -> None:
    server.is_api_down = True
    page = open_and_name(phone)
    punch(page, EMPLOYEE)
    press_repeatedly(page, 1)
    phone.clear_stores(page, store)

    press_repeatedly(page, 1)

    wait_for_states(page, WAITING, WAITING, WAITING)
    expect(page.locator("#warnings")).to_contain_text(RESTORED)
    assert numbers(page) == [1, 2, 3]
    server.is_api_down = False
    trigger_online(page)
    wait_for_states(page, SENT, SENT, SENT)
    assert [post.body["sequencia"] for post in server.punch_requests] == [1, 2, 3]


def test_a_punch_that_one_store_refuses_is_in_neither_and_uses_no_number(server: FakeServer, phone: Phone) -> None:
    server.is_api_down = True
    page = phone.open(KEY_FRAGMENT, worker=False)
    failures = {
        "Cache.prototype.put = () => Promise.reject(new DOMException('no room', 'InvalidAccessError'))": "no room",
        "CacheStorage.prototype.match = () => Promise.resolve(new Response('of another'))": "second copy",
        "IDBObjectStore.prototype.add = () => { throw new DOMException('', 'QuotaExceededError') }": "está cheia",
        "const { get } = IDBObjectStore.prototype; IDBObjectStore.prototype.get = function (name) "
        "{ return get.call(this, typeof name === 'number' ? -1 : name) }": "could not be read back",
    }
    for number, (failure, message) in enumerate(failures.items(), 1):
        punch(page, EMPLOYEE)
        page.evaluate(f"() => {{ {failure} }}")

        outcome = punch(page)

        assert "NÃO foi guardada" in outcome
        assert message in outcome
        page.reload()
        wait_for_states(page, *[WAITING] * number)
        assert numbers(page) == list(range(1, number + 1))
    punch(page, EMPLOYEE)
    assert numbers(page) == [1, 2, 3, 4, 5]


def test_a_punch_that_cannot_be_rolled_back_is_stored_and_keeps_its_number(server: FakeServer, phone: Phone) -> None:
    server.is_api_down = True
    page = phone.open(KEY_FRAGMENT, worker=False)
    punch(page, EMPLOYEE)
    page.evaluate(
        """async () => {
            await navigator.locks.request("stores", () => {}) // now the key is stored, which needed Cache.delete
            const stores = [[IDBObjectStore, "add"], [Cache, "delete"]]
            const originals = stores.map(([store, name]) => store.prototype[name])
            for (const [store, name] of stores)
                store.prototype[name] = () => { throw new DOMException("no room", "QuotaExceededError") }
            window.repair = () => stores.forEach(([store, name], index) => { store.prototype[name] = originals[index] })
        }"""
    )

    assert "Não se sabe se a batida foi guardada" in punch(page)
    expect(page.locator("#warnings")).to_contain_text("está cheia")
    page.evaluate("repair()")
    press_repeatedly(page, 1)

    wait_for_states(page, WAITING, WAITING, WAITING)
    assert numbers(page) == [1, 2, 3]


def test_a_punch_in_one_store_after_a_kill_is_restored_and_keeps_its_number(server: FakeServer, phone: Phone) -> None:
    server.is_api_down = True
    page, other = (phone.open(KEY_FRAGMENT, worker=False) for _ in range(2))
    punch(page, EMPLOYEE)
    wait_for_states(other, WAITING)
    page.evaluate(
        """() => new Promise(resolve => {
            const { put } = Cache.prototype
            Cache.prototype.put = async function () {
                await put.apply(this, arguments)
                resolve()
                await new Promise(() => {})
            }
            document.getElementById("employee").value = "8"
            document.getElementById("press").click()
        })"""
    )
    page.close()

    punch(other, EMPLOYEE)

    wait_for_states(other, WAITING, WAITING, WAITING)
    assert numbers(other) == [1, 2, 3]
    assert len({identifier for _, identifier, _ in punches_in_both_stores(other)}) == 3


def test_an_incomplete_newer_entry_does_not_replace_the_complete_older_one(server: FakeServer, phone: Phone) -> None:
    server.is_api_down = True
    page = open_and_name(phone)
    punch(page, EMPLOYEE)
    press_repeatedly(page, 1)
    punches = punches_in_both_stores(page)
    page.evaluate(
        """async () => {
            const { openConnection } = await import("./indexeddb.js")
            const { readIdentity } = await import("./reconcile.js")
            const { identityName, copyName } = await import("./plan.js")
            const [{ body }] = await (await import("./database.js")).listAllPunches()
            const { revision } = await readIdentity(await openConnection())
            const incomplete = [copyName({ body, state: "sent" }), identityName(revision + 1)]
            incomplete.push(copyName({ body: { ...body, sequencia: 3 }, state: "waiting" }))
            const cache = await caches.open("replica")
            for (const name of incomplete) await cache.put(`/replica/${name}`, new Response("{"))
        }"""
    )

    phone.reopen_without_stores(page, INDEXED_DB)

    wait_for_states(page, WAITING, WAITING)
    assert punches_in_both_stores(page) == punches
    require_identity(page)
    punch(page, EMPLOYEE)
    wait_for_states(page, WAITING, WAITING, WAITING)
    assert numbers(page) == [1, 2, 4]


def test_two_tabs_share_both_stores_and_one_outbox(server: FakeServer, phone: Phone) -> None:
    server.is_api_down = True
    tabs = [phone.open(KEY_FRAGMENT, worker=False), phone.open(worker=False)]
    employees = itertools.count(1)
    for _ in range(5):
        for tab in tabs:
            tab.evaluate(
                """employee => {
                    document.getElementById("employee").value = employee
                    document.getElementById("press").click()
                    import("./database.js").then(database => { database.reconcile() })
                }""",
                next(employees),
            )
    for tab in tabs:
        wait_for_states(tab, *[WAITING] * 10)

    assert numbers(tabs[0]) == list(range(1, 11))
    expect(tabs[0].locator("#warnings")).not_to_contain_text(RESTORED)
    server.is_api_down = False
    for tab in tabs:
        trigger_online(tab)
    for tab in tabs:
        wait_for_states(tab, *[SENT] * 10)
    assert [post.body["sequencia"] for post in server.punch_requests] == list(range(1, 11))


def test_without_the_second_store_waiting_punches_are_sent_and_new_ones_refused(
    server: FakeServer, phone: Phone
) -> None:
    server.is_api_down = True
    page = phone.open(KEY_FRAGMENT, worker=False)
    punch(page, EMPLOYEE)
    press_repeatedly(page, 1)
    page.close()
    server.is_api_down = False

    page = phone.open(
        "", "CacheStorage.prototype.open = () => Promise.reject(new DOMException('no', 'SecurityError'))", worker=False
    )
    wait_for_states(page, SENT, SENT)
    assert "NÃO foi guardada. O navegador não deixa este site guardar dados" in punch(page, EMPLOYEE)
    expect(page.locator("#warnings")).to_contain_text("permita os dados (cookies) deste site")
    page.close()
    page = phone.open(worker=False)
    wait_for_states(page, SENT, SENT)
    assert [state for *_, state in punches_in_both_stores(page)] == ["sent", "sent"]


def test_a_store_that_does_not_respond_is_reported_and_does_not_block_the_next_press(phone: Phone) -> None:
    page = phone.open(worker=False)
    punch(page, EMPLOYEE)
    page.evaluate(
        """() => {
            const { match } = CacheStorage.prototype
            const later = setTimeout
            window.setTimeout = (work, ms) => later(work, ms === 15_000 ? 500 : ms)
            window.repair = () => {
                window.setTimeout = later
                CacheStorage.prototype.match = match
            }
            CacheStorage.prototype.match = () => new Promise(() => {})
        }"""
    )

    assert "não responde" in punch(page)
    page.evaluate("repair()")

    press_repeatedly(page, 1)
    assert numbers(page) == [1, 2]


def test_a_punch_whose_write_ends_late_is_not_reported_as_lost(server: FakeServer, phone: Phone) -> None:
    server.is_api_down = True
    page = phone.open(KEY_FRAGMENT, worker=False)
    punch(page, EMPLOYEE)
    page.evaluate(
        """() => {
            const { add } = IDBObjectStore.prototype
            const later = setTimeout
            window.setTimeout = (work, ms) => later(work, ms === 15_000 ? 1000 : ms)
            window.repair = () => {
                window.setTimeout = later
                IDBObjectStore.prototype.add = add
            }
            IDBObjectStore.prototype.add = function (punch) {
                const hold = () => { if (window.setTimeout !== later) this.get(0).onsuccess = hold }
                hold()
                return add.call(this, punch)
            }
        }"""
    )

    assert "Não se sabe se a batida foi guardada. O armazenamento deste aparelho não responde" in punch(page)
    page.evaluate("repair()")
    press_repeatedly(page, 1)

    wait_for_states(page, WAITING, WAITING, WAITING)
    assert numbers(page) == [1, 2, 3]


_BLOCK_STORE_AND_PRESS = """() => {
    const later = setTimeout
    window.setTimeout = (work, ms) => later(work, ms === 15_000 ? 25_000 : ms)
    IDBDatabase.prototype.transaction = () => ({ objectStore: () => ({ get: () => ({}) }) })
    document.getElementById("press").click()
}"""


def test_a_page_whose_store_does_not_respond_reloads_itself_when_idle(server: FakeServer, browser: Browser) -> None:
    server.is_api_down = True
    with phones.new_phone(browser, server.url) as phone:
        page = phone.open(KEY_FRAGMENT, clock_script(50))
        page.reload()
        punch(page, EMPLOYEE)

        with page.expect_navigation():
            page.evaluate(_BLOCK_STORE_AND_PRESS)

        wait_for_states(page, WAITING)
        punch(page, EMPLOYEE)
        assert numbers(page) == [1, 2]


def test_a_failed_restore_is_repeated_without_a_press_when_there_is_space(server: FakeServer, phone: Phone) -> None:
    server.is_api_down = True
    page = phone.open(KEY_FRAGMENT, worker=False)
    punch(page, EMPLOYEE)
    punches = punches_in_both_stores(page)
    phone.reopen_without_stores(
        page,
        INDEXED_DB,
        init_script="""
        window.full = true
        const put = IDBObjectStore.prototype.put
        IDBObjectStore.prototype.put = function (...values) {
            if (window.full) throw new DOMException("full", "QuotaExceededError")
            return put.apply(this, values)
        }""",
    )
    expect(page.locator("#warnings")).to_contain_text("está cheia")

    page.evaluate("window.full = false")
    trigger_online(page)

    wait_for_states(page, WAITING)
    expect(page.locator("#warnings")).not_to_contain_text("está cheia")
    assert punches_in_both_stores(page) == punches


_FULL_DEVICE = """
window.full = true
const { put } = IDBObjectStore.prototype
IDBObjectStore.prototype.put = function (...values) {
    if (window.full) throw new DOMException("full", "QuotaExceededError")
    return put.apply(this, values)
};"""


def test_key_of_a_link_survives_a_full_device_that_promises_nothing(server: FakeServer, phone: Phone) -> None:
    page = phone.open("", _FULL_DEVICE + clock_script(50), worker=False)
    page.goto(phone.url + KEY_FRAGMENT)
    expect(page.locator("#warnings")).to_contain_text("A chave do link ainda NÃO foi guardada")
    phone.context.set_offline(True)

    assert "NÃO foi guardada. A memória deste aparelho está cheia" in punch(page, EMPLOYEE)
    trigger_online(page)
    expect(page.locator("#warnings")).to_contain_text("A chave do link ainda NÃO foi guardada")
    expect(page.locator("main")).not_to_contain_text("guardadas aqui")
    page.locator("#settings").evaluate("details => { details.open = true }")
    page.get_by_role("button", name="Salvar").click()
    expect(page.locator("#saved")).to_contain_text("NÃO foi salvo. A memória deste aparelho está cheia")

    phone.context.set_offline(False)
    page.evaluate("window.full = false")
    expect(page.locator("#key-state")).to_contain_text("irst")
    expect(page.locator("#warnings")).to_have_text("")
    punch(page)
    wait_for_states(page, SENT)
    assert server.punch_requests[0].key == "first"


def test_page_without_https_says_what_to_do(phone: Phone) -> None:
    page = phone.open("", worker=False)
    insecure = "Object.defineProperty(window, 'isSecureContext', { value: false }); navigator.locks.request = null"
    phone.add_init_script(page, insecure)
    page.reload()
    expect(page.locator("#warnings")).to_contain_text("que começa com https")
    assert "NÃO foi guardada. O navegador não guarda batidas neste endereço" in punch(page, EMPLOYEE)
