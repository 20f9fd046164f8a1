"""Planted faults: mistakes of ours, to see that they are found. Each is right as long as nothing else happens."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ponto

_STORES, _LOOKS_UP = "insert into ponto.batida (", "from ponto.batida\nwhere id = any("
_EXISTING = (Path(ponto.__file__).parent / "sql" / "existing.sql").read_text(encoding="utf-8")
_READS_TOO = f"""
with new as (STORE)
select id, null, null from new
union all
{_EXISTING.partition("where")[0]}where id in (
    select (entry ->> 0)::uuid from jsonb_array_elements(%(entries)s::jsonb) as entry
)
"""  # noqa: S608

Rows = list[tuple[Any, ...]]


class StatementMutant:
    """Changes statements on their way to PostgreSQL; this one changes none."""

    description = "none"

    def rewrite(self, query: Any) -> Any:
        """Give the statement that runs instead."""
        return query

    def read_result(self, slot: int, query: Any, rows: Rows) -> Rows:  # noqa: ARG002  what others need
        """Give what the program gets for a statement that was to run in a slot."""
        return rows

    def settings(self, named: dict[str, Any]) -> dict[str, Any]:
        """Give what a transaction's settings become."""
        return named


class _Replaced(StatementMutant):
    def __init__(self, description: str, replaced: Mapping[str, str], marker: str) -> None:
        self.description = description
        self._replaced = replaced
        self._marker = marker

    def rewrite(self, query: Any) -> Any:
        if isinstance(query, bytes) or self._marker not in query:
            return query
        for old, new in self._replaced.items():
            if old not in query:
                raise AssertionError(f"no {old!r} in {query}")
            query = query.replace(old, new)
        return query


class _OneStatement(StatementMutant):
    """What stands under an id is read by the statement that found it taken, and by its snapshot."""

    description = "no existing.sql: the statement that stores reads what stands, too"

    def __init__(self) -> None:
        self._standing: dict[int, Rows] = defaultdict(list)

    def rewrite(self, query: Any) -> Any:
        if isinstance(query, bytes) or _STORES not in query:
            return query
        return _READS_TOO.replace("STORE", query)

    def read_result(self, slot: int, query: Any, rows: Rows) -> Rows:
        if _STORES in query:
            self._standing[slot] = [row for row in rows if row[2] is not None]
            return [row[:1] for row in rows if row[2] is None]
        return self._standing[slot] if _LOOKS_UP in query else rows


NONE = StatementMutant()

MUTANTS: dict[str, StatementMutant] = {
    "look-up": _OneStatement(),
    "order": _Replaced("rows are stored in the order in which they came", {"order by id, position\n": ""}, _STORES),
    "advisory-lock": _Replaced(
        "migrations do not wait for each other",
        {"select pg_advisory_lock(0x626174696461)": "select 0"},
        "pg_advisory_lock",
    ),
}
"""Those of the reference; scenarios.py has those of the slices besides."""
