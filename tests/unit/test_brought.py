"""Actions that slices add to the function `schema`."""

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ponto.brought import actions, modules


def module(name: str, *keys: str) -> Any:
    return cast(Any, SimpleNamespace(__name__=name, ACTIONS={key: (lambda *_: {}) for key in keys}))


def test_actions_of_all_slices_are_collected() -> None:
    one, other = module("slices.one.of_schema", "a", "b"), module("slices.other.of_schema", "c")
    assert actions([one, other]) == {**one.ACTIONS, **other.ACTIONS}
    actions(modules("of_schema"))


def test_two_slices_with_one_action_are_refused_by_name() -> None:
    told = "ACTIONS: slices.one.of_schema and slices.other.of_schema both define 'a'; rename one of them"
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        actions([module("slices.one.of_schema", "a"), module("slices.other.of_schema", "a")])
