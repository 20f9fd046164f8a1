"""Tests of the plan that reconciles the two stores, run by Node for every combination of their contents."""

import itertools
import json
import subprocess
from typing import Any, NamedTuple

from slices.page.site import WEB

NOW = 1_790_852_400_000  # 2026-10-01, ms since the epoch
STATES = {"waiting": 0, "sent": 1, "recorded": 2}
DEVICE = "web-abcdefgh"
_RUN = """
import { copyName, createPlan, identityName, neededNames } from "PLAN"

// Two stores in memory, and the effect of a plan on them.
const planReconciliation = ({ punches, identity, replica }) => {
  const names = Object.keys(replica)
  const values = new Map(neededNames(punches, names).map(name => [name, replica[name]]))
  return createPlan({ punches, identity, names, values, incomplete: [] }, NOW)
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
  const first = planReconciliation(stores)
  const after = applyPlan(stores, first)
  return { first, after, second: planReconciliation(after) }
})
console.log(JSON.stringify(results))
"""


def run_plans(stores: list[Any]) -> list[Any]:
    """Return, for each pair of stores, their plan, the stores after the plan, and the next plan."""
    code = (
        _RUN.replace("PLAN", (WEB / "plan.js").as_uri()).replace("NOW", str(NOW)).replace("STORES", json.dumps(stores))
    )
    command = ["node", "--no-warnings", "--input-type=module", "-"]
    result = subprocess.run(command, input=code, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    results: list[Any] = json.loads(result.stdout)
    return results


def punch(state: str, *, is_old: bool = False, number: int = 7) -> dict[str, Any]:
    day = "2026-08-01" if is_old else "2026-09-30"
    return {
        "state": state,
        "body": {"id": "a", "ponto": f"{day}T08:00:00Z", "dispositivo": DEVICE, "sequencia": number},
    }


def copy_name(value: dict[str, Any]) -> str:
    return f"punch/{DEVICE}/{value['body']['sequencia']}/{value['state']}"


def identity(revision: int, next_number: int = 1) -> dict[str, Any]:
    device = {"name": "", "dispositivo": DEVICE, "next": next_number} if revision else None
    return {
        "device": device,
        "key": f"of {revision}" if revision else None,
        "kiosk": None,
        "pin": None,
        "revision": revision,
    }


class Case(NamedTuple):
    """Contents of the two stores."""

    state: str | None  # of the punch in the first store
    copies: tuple[str, ...]  # states of the punch in the replica
    revision: int  # of the identity in the first store; 0: none
    replica_revision: int  # of the identity in the replica; 0: none
    is_old: bool  # the punch is older than 60 days

    @property
    def most_advanced(self) -> str | None:
        """Most advanced state of the punch in either store."""
        states = [*self.copies, *([self.state] if self.state else [])]
        return max(states, key=STATES.__getitem__, default=None)

    def stores(self) -> dict[str, Any]:
        """Return the stores as the script expects them."""
        copies = [punch(state, is_old=self.is_old) for state in self.copies]
        replica = {copy_name(copy): copy for copy in copies}
        if self.replica_revision:
            replica[f"identity/{self.replica_revision}"] = identity(self.replica_revision, 5)
        return {
            "punches": [] if self.state is None else [punch(self.state, is_old=self.is_old) | {"order": 1}],
            "identity": identity(self.revision, 8),
            "replica": replica,
        }


CASES = [
    Case(state, copies, revision, replica_revision, is_old)
    for state in (None, *STATES)
    for count in range(len(STATES) + 1)
    for copies in itertools.combinations(STATES, count)
    for revision, replica_revision in itertools.product((0, 3), (0, 2, 3, 4))
    for is_old in (False, True)
]
STORES = [case.stores() for case in CASES]


def test_a_plan_gives_both_stores_the_most_advanced_state_and_the_later_identity() -> None:
    for case, result in zip(CASES, run_plans(STORES), strict=True):
        is_expired = case.is_old and case.most_advanced == "recorded"
        # A punch is deleted only after both stores have its last state.
        is_deleted_later = is_expired and case.state in ("waiting", "sent")
        is_deleted = is_expired and not is_deleted_later
        expected = [] if case.most_advanced is None or is_deleted else [case.most_advanced]
        after, second = result["after"], result["second"]
        assert [stored["state"] for stored in after["punches"]] == expected, case
        merged = after["identity"]
        assert set(after["replica"]) == {
            *(f"punch/{DEVICE}/7/{state}" for state in expected),
            *([f"identity/{merged['revision']}"] if merged["revision"] else []),
        }, case
        if merged["revision"]:
            assert after["replica"][f"identity/{merged['revision']}"] == merged, case
            assert merged["key"] == f"of {max(case.revision, case.replica_revision)}", case
        assert merged["revision"] >= max(case.revision, case.replica_revision), case
        if merged["device"]:
            assert merged["device"]["next"] >= (8 if case.most_advanced or case.revision else 5), case
        actions = ("toRestore", "toDelete", "toCopy", "namesToRemove", "shouldCopyIdentity")
        remaining = {action for action in actions if second[action]}
        assert remaining == ({"toDelete", "namesToRemove"} if is_deleted_later else set()), case


def test_a_loss_is_counted_in_punches_and_a_new_device_has_lost_nothing() -> None:
    for case, result in zip(CASES, run_plans(STORES), strict=True):
        is_in_one_store = bool(case.state) != bool(case.copies)
        lost = int(is_in_one_store and not (case.is_old and case.most_advanced == "recorded"))
        is_new_device = not case.revision and not case.replica_revision and not case.copies
        has_loss = not is_new_device and (lost > 0 or not case.revision or not case.replica_revision)
        assert result["first"]["lostCount"] == (lost if has_loss else None), case


def test_old_punches_that_are_not_recorded_are_never_deleted() -> None:
    punches = [punch(state, is_old=True) for state in ("waiting", "sent", "refused", "conflict")]
    stores = [
        {"punches": [each | {"order": 1}], "identity": identity(3), "replica": {copy_name(each): each}}
        for each in punches
    ]

    for each, result in zip(punches, run_plans(stores), strict=True):
        assert [stored["state"] for stored in result["after"]["punches"]] == [each["state"]]
        assert result["after"]["replica"][copy_name(each)] == each
