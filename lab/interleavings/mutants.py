"""Mutants of `make interleavings`: rewritten statements that are correct only as long as no other program runs."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ponto

_INSERT_TEXT, _LOOK_UP_TEXT = "insert into ponto.batida (", "from ponto.batida\nwhere id = any("
_EXISTING = (Path(ponto.__file__).parent / "sql" / "existing.sql").read_text(encoding="utf-8")
_INSERT_AND_READ = f"""
with new as (STORE)
select id, null, null from new
union all
{_EXISTING.partition("where")[0]}where id in (
    select (entry ->> 0)::uuid from jsonb_array_elements(%(entries)s::jsonb) as entry
)
"""  # noqa: S608

Rows = list[tuple[Any, ...]]


class StatementMutant:
    """Change of the statements that are sent to PostgreSQL; this base class changes none."""

    description = "none"

    def rewrite(self, query: Any) -> Any:
        """Return the statement to run in place of `query`."""
        return query

    def read_result(self, slot: int, query: Any, rows: Rows) -> Rows:  # noqa: ARG002  for subclasses
        """Return the rows that the program in a slot gets for `query`, given the rows of the rewritten statement."""
        return rows

    def settings(self, named: dict[str, Any]) -> dict[str, Any]:
        """Return the settings to use for a transaction in place of `named`."""
        return named


class _TextMutant(StatementMutant):
    """Mutant that replaces texts in the statements that contain a marker."""

    def __init__(self, description: str, replacements: Mapping[str, str], marker: str) -> None:
        self.description = description
        self._replacements = replacements
        self._marker = marker

    def rewrite(self, query: Any) -> Any:
        if isinstance(query, bytes) or self._marker not in query:
            return query
        for old, new in self._replacements.items():
            if old not in query:
                raise AssertionError(f"no {old!r} in {query}")
            query = query.replace(old, new)
        return query


class _SingleStatementMutant(StatementMutant):
    """Mutant whose INSERT also returns the existing rows that its snapshot has; `existing.sql` is not run."""

    description = "no existing.sql: the INSERT reads the existing rows, too"

    def __init__(self) -> None:
        self._existing: dict[int, Rows] = defaultdict(list)

    def rewrite(self, query: Any) -> Any:
        if isinstance(query, bytes) or _INSERT_TEXT not in query:
            return query
        return _INSERT_AND_READ.replace("STORE", query)

    def read_result(self, slot: int, query: Any, rows: Rows) -> Rows:
        if _INSERT_TEXT in query:
            self._existing[slot] = [row for row in rows if row[2] is not None]
            return [row[:1] for row in rows if row[2] is None]
        return self._existing[slot] if _LOOK_UP_TEXT in query else rows


NONE = StatementMutant()

MUTANTS: dict[str, StatementMutant] = {
    "look-up": _SingleStatementMutant(),
    "order": _TextMutant("rows are inserted in the order of the batch", {"order by id, position\n": ""}, _INSERT_TEXT),
    "advisory-lock": _TextMutant(
        "migrations do not wait for each other",
        {"select pg_advisory_lock(0x626174696461)": "select 0"},
        "pg_advisory_lock",
    ),
}
"""Mutants of the reference; scenarios.py adds those of the slices."""
