"""What slices add to the function `schema`."""

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ponto.brought import modules, requests


def module(name: str, *keys: str) -> Any:
    return cast(Any, SimpleNamespace(__name__=name, REQUESTS={key: (lambda *_: {}) for key in keys}))


def test_the_requests_of_all_slices_are_answered_each_by_its_own() -> None:
    one, other = module("slices.one.of_schema", "a", "b"), module("slices.other.of_schema", "c")
    assert requests([one, other]) == {**one.REQUESTS, **other.REQUESTS}
    requests(modules("of_schema"))


def test_two_slices_with_one_request_are_refused_by_name() -> None:
    told = "REQUESTS: slices.one.of_schema and slices.other.of_schema both have 'a'; rename one of them"
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        requests([module("slices.one.of_schema", "a"), module("slices.other.of_schema", "a")])
