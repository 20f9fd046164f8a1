"""The plan that reconciles the two stores, run by Node, for every combination of their contents."""

import itertools
import json
import subprocess
from typing import Any

from slices.page.site import WEB

NOW = 1_790_852_400_000  # 2026-10-01, ms since the epoch
STATES = {"waiting": 0, "sent": 1, "recorded": 2}
DEVICE = "web-abcdefgh"
_RUN = """
import { identityOf, nameOf, needed, plan } from "PLAN"

// Two stores in memory: what a plan is of, and what it does to them.
const read = ({ kept, mine, replica }) => {
  const names = Object.keys(replica)
  const values = new Map(needed(kept, names).map(name => [name, replica[name]]))
  return plan({ kept, mine, names, values, torn: [] }, NOW)
}
const applied = ({ kept, replica }, { restored, dropped, copied, removed, agreed, isIdentityCopied }) => {
  const known = new Map(kept.map(punch => [punch.order, punch]))
  for (const punch of restored) known.set(punch.order ?? 1000 + known.size, { order: 1000 + known.size, ...punch })
  for (const { order } of dropped) known.delete(order)
  const copies = { ...replica }
  for (const { order, ...punch } of copied) copies[nameOf(punch)] = punch
  if (isIdentityCopied) copies[identityOf(agreed.revision)] = agreed
  for (const name of removed) delete copies[name]
  return { kept: [...known.values()], mine: agreed, replica: copies }
}
const found = STORES.map(stores => {
  const first = read(stores)
  const after = applied(stores, first)
  return { first, after, second: read(after) }
})
console.log(JSON.stringify(found))
"""


def reconciled(stores: list[Any]) -> list[Any]:
    """Give of each two stores the plan, what they are after it, and the plan of those."""
    code = (
        _RUN.replace("PLAN", (WEB / "plan.js").as_uri()).replace("NOW", str(NOW)).replace("STORES", json.dumps(stores))
    )
    command = ["node", "--no-warnings", "--input-type=module", "-"]
    result = subprocess.run(command, input=code, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found: list[Any] = json.loads(result.stdout)
    return found


def punch(state: str, *, is_old: bool = False, number: int = 7) -> dict[str, Any]:
    day = "2026-08-01" if is_old else "2026-09-30"
    return {
        "state": state,
        "body": {"id": "a", "ponto": f"{day}T08:00:00Z", "dispositivo": DEVICE, "sequencia": number},
    }


def name(found: dict[str, Any]) -> str:
    return f"punch/{DEVICE}/{found['body']['sequencia']}/{found['state']}"


def identity(revision: int, following: int = 1) -> dict[str, Any]:
    device = {"name": "", "dispositivo": DEVICE, "next": following} if revision else None
    return {
        "device": device,
        "key": f"of {revision}" if revision else None,
        "kiosk": None,
        "pin": None,
        "revision": revision,
    }


def in_stores(kept: str | None, copies: tuple[str, ...], mine: int, theirs: int, *, is_old: bool) -> dict[str, Any]:
    copied = [punch(state, is_old=is_old) for state in copies]
    replica = {name(found): found for found in copied}
    return {
        "kept": [] if kept is None else [punch(kept, is_old=is_old) | {"order": 1}],
        "mine": identity(mine, 8),
        "replica": replica | ({f"identity/{theirs}": identity(theirs, 5)} if theirs else {}),
    }


CASES = [
    (kept, copies, mine, theirs, is_old)
    for kept in (None, *STATES)
    for count in range(len(STATES) + 1)
    for copies in itertools.combinations(STATES, count)
    for mine, theirs in itertools.product((0, 3), (0, 2, 3, 4))
    for is_old in (False, True)
]
STORES = [in_stores(kept, copies, mine, theirs, is_old=is_old) for kept, copies, mine, theirs, is_old in CASES]


def test_afterwards_both_have_the_furthest_state_and_the_later_identity_and_there_is_nothing_left_to_do() -> None:
    for (kept, copies, mine, theirs, is_old), found in zip(CASES, reconciled(STORES), strict=True):
        case = (kept, copies, mine, theirs, is_old)
        states = [*copies, *([kept] if kept else [])]
        furthest = max(states, key=STATES.__getitem__, default=None)
        is_gone = is_old and furthest == "recorded"
        is_late = is_gone and kept in ("waiting", "sent")  # it goes once it is recorded in both
        goes = is_gone and not is_late
        expected = [] if furthest is None or goes else [furthest]
        after, second = found["after"], found["second"]
        assert [each["state"] for each in after["kept"]] == expected, case
        own = after["mine"]
        assert set(after["replica"]) == {
            *(f"punch/{DEVICE}/7/{state}" for state in expected),
            *([f"identity/{own['revision']}"] if own["revision"] else []),
        }, case
        if own["revision"]:
            assert after["replica"][f"identity/{own['revision']}"] == own, case
            assert own["key"] == f"of {max(mine, theirs)}", case
        assert own["revision"] >= max(mine, theirs), case
        if own["device"]:
            assert own["device"]["next"] >= (8 if states or mine else 5), case
        left = {what for what in ("restored", "dropped", "copied", "removed", "isIdentityCopied") if second[what]}
        assert left == ({"dropped", "removed"} if is_late else set()), case


def test_a_store_that_lost_something_is_told_of_with_the_number_of_punches_and_a_new_device_is_not() -> None:
    for (kept, copies, mine, theirs, is_old), found in zip(CASES, reconciled(STORES), strict=True):
        in_one = bool(kept) != bool(copies)
        furthest = max((*copies, *([kept] if kept else [])), key=STATES.__getitem__, default=None)
        lost = int(in_one and not (is_old and furthest == "recorded"))
        is_new = not mine and not theirs and not copies
        is_torn = not is_new and (lost > 0 or not mine or not theirs)
        assert found["first"]["lost"] == (lost if is_torn else None), (kept, copies, mine, theirs, is_old)


def test_only_what_the_first_store_does_not_know_is_read_from_the_second() -> None:
    kept = [punch("sent", number=number) | {"order": number} for number in (1, 2)]
    copies = [punch("sent", number=1), punch("recorded", number=2), punch("waiting", number=3)]
    names = json.dumps([*map(name, copies), "identity/2", "identity/4"])
    code = f"""
    import {{ needed }} from "{(WEB / "plan.js").as_uri()}"
    console.log(JSON.stringify(needed({json.dumps(kept)}, {names})))
    """
    result = subprocess.run(
        ["node", "--input-type=module", "-"], input=code, capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout) == [f"punch/{DEVICE}/2/recorded", f"punch/{DEVICE}/3/waiting", "identity/4"]
