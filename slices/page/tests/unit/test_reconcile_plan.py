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
import { identityName, copyName, neededNames, plan } from "PLAN"

// Two stores in memory, and the effect of a plan on them.
const makePlan = ({ punches, identity, replica }) => {
  const names = Object.keys(replica)
  const values = new Map(neededNames(punches, names).map(name => [name, replica[name]]))
  return plan({ punches, identity, names, values, incomplete: [] }, NOW)
}
const applyPlan = ({ punches, replica }, actions) => {
  const { toRestore, toDelete, toCopy, namesToRemove, mergedIdentity, shouldCopyIdentity } = actions
  const known = new Map(punches.map(punch => [punch.order, punch]))
  for (const punch of toRestore) known.set(punch.order ?? 1000 + known.size, { order: 1000 + known.size, ...punch })
  for (const { order } of toDelete) known.delete(order)
  const copies = { ...replica }
  for (const { order, ...punch } of toCopy) copies[copyName(punch)] = punch
  if (shouldCopyIdentity) copies[identityName(mergedIdentity.revision)] = mergedIdentity
  for (const name of namesToRemove) delete copies[name]
  return { punches: [...known.values()], identity: mergedIdentity, replica: copies }
}
const results = STORES.map(stores => {
  const first = makePlan(stores)
  const after = applyPlan(stores, first)
  return { first, after, second: makePlan(after) }
})
console.log(JSON.stringify(results))
"""


def reconciled(stores: list[Any]) -> list[Any]:
    """Return for each pair of stores its plan, the stores after it, and the next plan."""
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
        "punches": [] if kept is None else [punch(kept, is_old=is_old) | {"order": 1}],
        "identity": identity(mine, 8),
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
        assert [each["state"] for each in after["punches"]] == expected, case
        own = after["identity"]
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
        left = {what for what in ("toRestore", "toDelete", "toCopy", "namesToRemove", "shouldCopyIdentity") if second[what]}
        assert left == ({"toDelete", "namesToRemove"} if is_late else set()), case


def test_a_store_that_lost_something_is_told_of_with_the_number_of_punches_and_a_new_device_is_not() -> None:
    for (kept, copies, mine, theirs, is_old), found in zip(CASES, reconciled(STORES), strict=True):
        in_one = bool(kept) != bool(copies)
        furthest = max((*copies, *([kept] if kept else [])), key=STATES.__getitem__, default=None)
        lost = int(in_one and not (is_old and furthest == "recorded"))
        is_new = not mine and not theirs and not copies
        is_torn = not is_new and (lost > 0 or not mine or not theirs)
        assert found["first"]["lostCount"] == (lost if is_torn else None), (kept, copies, mine, theirs, is_old)


def test_only_what_the_first_store_does_not_know_is_read_from_the_second() -> None:
    kept = [punch("sent", number=number) | {"order": number} for number in (1, 2)]
    copies = [punch("sent", number=1), punch("recorded", number=2), punch("waiting", number=3)]
    names = json.dumps([*map(name, copies), "identity/2", "identity/4"])
    code = f"""
    import {{ neededNames }} from "{(WEB / "plan.js").as_uri()}"
    console.log(JSON.stringify(neededNames({json.dumps(kept)}, {names})))
    """
    result = subprocess.run(
        ["node", "--input-type=module", "-"], input=code, capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout) == [f"punch/{DEVICE}/2/recorded", f"punch/{DEVICE}/3/waiting", "identity/4"]
