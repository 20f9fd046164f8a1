"""SQL of a copy, generated from a declaration, on a real PostgreSQL."""

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from ponto.punch import EVENT
from ponto.schema.migrations import BASE_FOLDERS, migrate
from ponto.shared.event import Event
from ponto.shared.fields import Kind
from tests.database import EMPTY_TEMPLATE, TIME_ZONE, Database, cloned
from tools.develop.new.command import get_names
from tools.develop.new.sql import generate
from tools.develop.new.words import Renaming
from tools.kit.project import ROOT
from tools.kit.values import nth_subject
from tools.tests.new.events import MEASUREMENT, ORDER

EVENTS = {event.table: event for event in (ORDER, MEASUREMENT)}
REFUSED = (psycopg2.errors.CheckViolation, psycopg2.errors.DataError)
RECEIVED = datetime(2026, 11, 24, 11, 0, 1, 234_000, UTC)


class Store(Database):
    """A database with the table of an event, and the statements that were generated for it."""

    def __init__(self, url: str, event: Event, files: Mapping[str, str]) -> None:
        super().__init__(url)
        self.event = event
        self.files = files
        self.names = (*event.row._fields, "recebida_ms", "mensagem_id", "chave")
        self.as_function = self.connect(user="ponto_drain")
        self.as_function.autocommit = True

    def read(self, name: str, **values: Any) -> list[dict[str, Any]]:
        """Run a statement of the function `read`; return its rows by column."""
        return self.run(f"ponto/read/sql/{name}.sql", "ponto_reader", values)

    def run(self, path: str, user: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run a statement as a role; return its rows by column."""
        with closing(self.connect(user=user)) as connection, connection.cursor() as cursor:
            cursor.execute(self.files[path], values)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def parse(self, body: Mapping[str, Any]) -> Any:
        """Return the row of a body."""
        row = dict.fromkeys(self.event.row._fields)
        for column, field in self.event.fields.items():
            if field.name in body:
                row[column] = field.kind.parse(body[field.name])
        return self.event.row(**row | {"id": row["id"] or str(uuid.uuid4())})

    def save(self, *rows: Any, key: str = "k1") -> list[str]:
        """Store rows by `store.sql`, as the drain does; return the ids that were inserted."""
        received_ms = RECEIVED.timestamp() * 1000
        entries = json.dumps([[*row, received_ms, f"message {row.id}", key] for row in rows], default=str)
        statement = self.files["ponto/drain/sql/store.sql"].format(
            **{name: index for index, name in enumerate(self.names)}
        )
        with self.as_function.cursor() as cursor:
            cursor.execute(statement, {"entries": entries})
            return [id_ for (id_,) in cursor]

    def find(self, id_: str) -> tuple[str, str, dict[str, Any]]:
        """Return the row of an id by `existing.sql`, as the drain does."""
        with self.as_function.cursor() as cursor:
            cursor.execute(self.files["ponto/drain/sql/existing.sql"], {"ids": [id_]})
            [row] = cursor
            return row

    def admits(self, column: str, value: Any) -> bool:
        """Return whether the table admits a value, in a row that is otherwise valid."""
        row = self.parse(self.event.examples[0])._asdict() | {"id": str(uuid.uuid4()), column: value}
        statement = sql.SQL("insert into ponto.{} ({}) values ({})").format(
            sql.Identifier(self.event.table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        )
        try:
            with self.as_function.cursor() as cursor:
                cursor.execute(statement, list(row.values()))
        except REFUSED:
            return False
        return True


def generate_files(event: Event, package: str = "ponto") -> dict[str, str]:
    texts = {path.relative_to(ROOT).as_posix(): path.read_text() for path in ROOT.glob("[ps]*/**/*.sql")}
    return generate(texts, event, Renaming(get_names(event)._replace(package=package)))


def write_schema(event: Event, folder: Path) -> dict[str, str]:
    """Write the migrations of an event as a copy has them; return all generated files."""
    files = generate_files(event)
    for name in ("roles.sql", "views/02_zone.sql"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BASE_FOLDERS["ponto"] / name, folder / name)
    for path, text in files.items():
        if path.startswith("ponto/schema/base/"):
            (folder / path.removeprefix("ponto/schema/base/")).write_text(text, encoding="utf-8")
    return files


@pytest.fixture(scope="module", params=EVENTS)
def store(
    request: pytest.FixtureRequest,
    postgres: str,
    template_database: str,  # noqa: ARG001  its migrations create the roles
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Store]:
    event = EVENTS[request.param]
    folder = tmp_path_factory.mktemp("schema")
    files = write_schema(event, folder)
    with cloned(postgres, EMPTY_TEMPLATE) as url, closing(Database(url)) as database:
        migrated = migrate(database.owner, TIME_ZONE, {"ponto": folder})
        assert migrated.notices == []  # such as that a name was truncated
        with closing(Store(url, event, files)) as store:
            yield store


DEFINITIONS = """
select attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), ''
from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
where attrelid = 'ponto.batida'::regclass and attnum > 0
union all
select conname, pg_get_constraintdef(oid), convalidated, null, ''
from pg_constraint where conrelid = 'ponto.batida'::regclass
union all
select null, replace(pg_get_indexdef(indexrelid), '_usuario_id_idx', '_idx'), indisvalid, null, ''
from pg_index where indrelid = 'ponto.batida'::regclass
union all
select tgname, pg_get_triggerdef(oid), null, null, '' from pg_trigger where tgrelid = 'ponto.batida'::regclass
union all
select proname, prosrc, null, null, array_to_string(proconfig, ' ') from pg_proc where proname = 'batida_append_only'
"""


@pytest.mark.usefixtures("template_database")  # its migrations create the roles
def test_generated_table_is_the_one_of_this_project(postgres: str, tmp_path: Path) -> None:
    write_schema(EVENT, tmp_path)
    definitions = []

    for folder in (BASE_FOLDERS["ponto"], tmp_path):
        with cloned(postgres, EMPTY_TEMPLATE) as url, closing(Database(url)) as database:
            migrate(database.owner, TIME_ZONE, {"ponto": folder})
            definitions.append(set(database.execute(DEFINITIONS)))

    assert definitions[0] == definitions[1]


def test_generated_files_name_only_the_copy() -> None:
    text = "\n".join(part for file in generate_files(ORDER, "order").items() for part in file)

    assert re.findall(r"(?i)ponto|batida|punch|employee|usuario_id|dispositivo|sequencia|\0", text) == []


# Tables


def test_generated_objects_are_described_and_have_their_full_names(store: Store) -> None:
    table, columns = store.event.table, store.event.row._fields
    comments = store.execute(
        "select attname, col_description(attrelid, attnum)"
        " from pg_attribute where attrelid = %s::regclass and attnum > 0",
        table,
    )
    descriptions = {column: field.kind.description for column, field in store.event.fields.items()}
    assert {column for column, _ in comments} == {*columns, "recebida_em", "gravada_em", "mensagem_id", "chave"}
    assert [column for column, comment in comments if comment != descriptions.get(column, comment or "")] == []
    assert store.execute("select obj_description(%s::regclass)", table) != [(None,)]
    assert store.execute("select to_regclass(%s) is not null", f"{table}_semana_idx") == [(True,)]
    assert store.execute("select obj_description(%s::regproc)", f"{table}_append_only") != [(None,)]


# Storing


def test_examples_are_stored_once_and_compared_like_in_python(store: Store) -> None:
    rows = [store.parse(body) for body in store.event.examples]

    assert sorted(store.save(*rows, *rows)) == sorted(row.id for row in rows)
    assert store.save(*rows) == []

    for row in rows:
        assert store.find(row.id) == (row.id, f"message {row.id}", store.event.comparison_key(row))
        columns = ", ".join(row._fields)
        assert store.execute(f"select {columns} from {store.event.table} where id = %s", row.id) == [row]


def test_conflicting_events_have_different_keys_in_the_database(store: Store) -> None:
    first, second = (store.parse(body)._replace(id=str(uuid.uuid4())) for body in store.event.conflicting)
    store.save(first, second)

    assert store.find(first.id)[2] != store.find(second.id)[2]


# Checks


def admissible(kind: Kind) -> st.SearchStrategy[Any]:
    """Return a strategy for values that a kind accepts, as they are on the wire."""
    match kind.name:
        case "integer":
            return st.integers(*kind.limits or ())
        case "number":
            return st.integers(*kind.limits or ()) | st.floats(*kind.limits or ())
        case "boolean":
            return st.booleans()
        case "enumeration":
            return st.sampled_from(kind.keywords["enum"])
        case "timestamp":
            return st.sampled_from(
                ["1900-01-01T00:00+14:59", "2999-12-31T23:59:59.999999-14:59", "2026-02-28T08:00Z"]
            ) | st.datetimes(datetime(1900, 1, 1), datetime(2999, 12, 31)).map(lambda value: f"{value.isoformat()}Z")
    pattern = kind.keywords["pattern"].removesuffix("$") + r"\Z"
    texts = st.from_regex(re.compile(pattern), alphabet=st.characters(codec="utf-8"))
    return texts.filter(
        lambda text: kind.keywords.get("minLength", 0) <= len(text) <= kind.keywords.get("maxLength", 64)
    )


@given(data=st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_accepted_event_is_stored_unchanged(store: Store, data: st.DataObject) -> None:
    fields = {field.name: admissible(field.kind) for field in store.event.fields.values() if field.name != "id"}
    body = data.draw(st.fixed_dictionaries(fields))
    row = store.parse(body)

    assert store.save(row) == [row.id]

    columns = ", ".join(row._fields)
    assert store.execute(f"select {columns} from {store.event.table} where id = %s", row.id) == [row]
    assert store.find(row.id)[2] == store.event.comparison_key(row)


def is_accepted(kind: Kind, value: Any) -> bool:
    try:
        kind.parse(value)
    except ValueError:
        return False
    return True


@given(data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_texts_are_admitted_by_the_table_as_by_the_parser(store: Store, data: st.DataObject) -> None:
    texts = {
        column: field.kind
        for column, field in store.event.fields.items()
        if field.kind.name in ("text", "display_text", "enumeration")
    }
    column = data.draw(st.sampled_from(sorted(texts)))
    characters = st.characters(codec="utf-8", exclude_characters="\0")  # PostgreSQL has no texts with U+0000
    text = data.draw(admissible(texts[column]) | st.text(characters))
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
    added = st.text(characters, max_size=2) | st.sampled_from(["\n", "\u2028", "\u202e", "\x9b", "A" * 1_001])
    edited = text[:start] + data.draw(added) + text[end:]

    for value in (text, edited):
        assert store.admits(column, value) == is_accepted(texts[column], value), (column, value)


# Statements of the function `read`


@pytest.fixture
def row(store: Store) -> Any:
    """Return the stored row of the last example, which has all fields, with a new id and an API key of this name."""
    row = store.parse(store.event.examples[-1])._replace(id=str(uuid.uuid4()))
    store.save(row, key=row.id)
    return row


def test_row_is_read_by_id_and_by_subject(store: Store, row: Any) -> None:
    event = store.event
    subject, instant = getattr(row, event.subject), getattr(row, event.instant)

    [by_id] = store.read(event.noun[0], id=row.id)
    values = {f"{event.subject_noun[0]}_id": subject, "de": instant, "ate": instant + timedelta(microseconds=1)}
    by_subject = store.read(event.noun[1], **values)

    written = by_id.pop("written")
    assert written.tzinfo
    fields = by_id.pop("fields")
    assert fields.keys() == set(event.row._fields) - {"id", event.subject, event.instant, event.device}
    assert by_id == {
        "id": row.id,
        f"{event.subject_noun[0]}_id": subject,
        "instant": instant,
        "received": RECEIVED,
        "key": row.id,
        "message_id": f"message {row.id}",
        "device": event.device and getattr(row, event.device),
    }
    assert by_id | {"written": written, "fields": fields} in by_subject
    assert store.read(event.noun[1], **values | {"de": instant - timedelta(days=1), "ate": instant}) == []


def test_receipt_is_read_by_its_role(store: Store, row: Any) -> None:
    event, subject = store.event, f"{store.event.subject_noun[0]}_id"
    own, other = getattr(row, event.subject), nth_subject(event.fields[event.subject].kind, 3)
    store.execute(store.files["slices/receipts/schema/privileges.sql"])
    receipt = {"id": row.id, event.subject: own, event.instant: getattr(row, event.instant)}

    for caller, receipts in ((None, [receipt]), (own, [receipt]), (other, [])):
        values = {"id": row.id, subject: caller}
        found = store.run("slices/receipts/sql/receipt.sql", "ponto_receipts", values)
        assert [{column: each[column] for column in receipt} for each in found] == receipts

    values = {subject: own, "max_age": datetime.now(UTC) - RECEIVED + timedelta(days=1), "limit": 1_000}
    found = store.run("slices/receipts/sql/receipts.sql", "ponto_receipts", values)
    assert receipt in [{column: each[column] for column in receipt} for each in found]
    assert {each[event.subject] for each in found} == {own}
    values["max_age"] = timedelta(0)
    assert store.run("slices/receipts/sql/receipts.sql", "ponto_receipts", values) == []
