"""Examples of the documents that follow from the declaration of the event."""

import json
import shlex
from typing import Any

from ponto.punch import EVENT
from ponto.shared.sql_names import SCHEMA
from tools.kit.event import EXAMPLE_SUBJECT

_ID = "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e"


def body() -> dict[str, Any]:
    """Return the body of a punch, with an id."""
    return {"id": _ID, **EVENT.examples[0]}


def json_block() -> str:
    """Return the body of a punch as a fenced block."""
    return f"```json\n{_to_json(body())}\n```"


def request_block() -> str:
    """Return a command that sends a punch to a stage, as a fenced block."""
    headers = """-H "x-api-key: <the key>" -H 'content-type: application/json'"""
    return f"```sh aws\ncurl -sS <URL> {headers} \\\n    -d {shlex.quote(_to_json(body()))}\n```"


def erasure_block() -> str:
    """Return the statement that erases the punches of the employee of the example, as a fenced block.

    It has no variables, which could have the name of a column.
    """
    table = f"{SCHEMA}.{EVENT.table}"
    return f"""```sql
do $$
begin
    alter table {table} disable trigger append_only;
    delete from {table}
    where {EVENT.subject} = {sql_literal(EXAMPLE_SUBJECT)}
        and {SCHEMA}.semana({EVENT.instant}) = any(array(select {SCHEMA}.semanas('-infinity', 'infinity')));
    alter table {table} enable trigger append_only;
end
$$;
```"""  # noqa: S608  the names are declared


def sql_literal(value: int | str) -> str:
    """Return a value as a constant of SQL."""
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
