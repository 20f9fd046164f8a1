"""Examples and sentences of the documents that follow from the declaration of the event."""

import json
import shlex
import textwrap
from collections.abc import Iterable
from datetime import UTC
from typing import Any

from ponto.drain.parser import parse
from ponto.punch import EVENT
from ponto.shared.sql_names import SCHEMA

_ID = "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e"
_WIDTH = 150  # columns of sentences


def body() -> dict[str, Any]:
    """Return the body of a punch, with an id."""
    return {"id": _ID, **EVENT.examples[0]}


def refusal() -> str:
    """Return the message of the gateway about a body without the instant."""
    return f'there is an error in your request: [object has missing required properties (["{_instant()}"])]'


def json_block() -> str:
    """Return the body of a punch as a fenced block."""
    return f"```json\n{_to_json(body())}\n```"


def request_block() -> str:
    """Return a command that sends a punch to a stage, as a fenced block."""
    headers = """-H "x-api-key: <the key>" -H 'content-type: application/json'"""
    return f"```sh aws\ncurl -sS <URL> {headers} \\\n    -d {shlex.quote(_to_json(body()))}\n```"


def comparison() -> str:
    """Return which fields two punches with one id must share."""
    return _wrap(f"Two punches with one `id` are the same if {_names(EVENT.same)} agree.")


def derived_ids() -> str:
    """Return from which fields an id is derived, with the ids of the declared examples."""
    if EVENT.derived_id is None:
        return _wrap(
            "A punch must have an `id`, so none is derived. What follows, except for imported records, is true only "
            "after the declaration names columns in `derived_id`."
        )
    key = f"is the stored value of {_names(EVENT.derived_id)}"
    if len(EVENT.derived_id) > 1:
        key = f"consists of the stored values of {_names(EVENT.derived_id)}, joined by `|`"
    text = f"The id follows from a key and from the instant, `{_instant()}`. The key {key}. For example:"
    lines = [_wrap(text), "", "| key | instant | id |", "|---|---|---|"]
    for example in EVENT.examples:
        row = parse(_to_json(example), UTC)._asdict()
        key = EVENT.id_key(row).replace("|", "\\|")
        instant = row[EVENT.instant].astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        lines.append(f"| `{key}` | {instant}Z | `{EVENT.derive_id(row)}` |")
    return "\n".join(lines)


def erasure_block() -> str:
    """Return the statement that erases the punches of employee 123, as a fenced block.

    It has no variables, which could have the name of a column.
    """
    table = f"{SCHEMA}.{EVENT.table}"
    return f"""```sql
do $$
begin
    alter table {table} disable trigger append_only;
    delete from {table}
    where {EVENT.subject} = 123
        and {SCHEMA}.semana({EVENT.instant}) = any(array(select {SCHEMA}.semanas('-infinity', 'infinity')));
    alter table {table} enable trigger append_only;
end
$$;
```"""  # noqa: S608  the names are declared


def _names(columns: Iterable[str]) -> str:
    """Return the names of fields on the wire, as in "`a`, `b` and `c`"."""
    *others, last = (f"`{EVENT.fields[column].name}`" for column in columns)
    return f"{', '.join(others)} and {last}" if others else last


def _wrap(sentences: str) -> str:
    return textwrap.fill(sentences, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _instant() -> str:
    return EVENT.fields[EVENT.instant].name


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
