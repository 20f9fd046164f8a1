"""Function that stores notes: POST /nota with `{"nota": 7, "texto": "a door is open"}`."""

import time

from ponto.shared import config, connection, fields
from slices import http

FIELDS = {  # by column of the table
    "id": fields.Field("nota", fields.integer(1, fields.MAX_SAFE_INTEGER, ""), required=True),
    "texto": fields.Field("texto", fields.display_text(200, ""), required=True),
}
SESSION = connection.Session(
    lambda: config.load_database().connection_parameters(), connection.Timeouts(connect_seconds=6), "ponto note"
)
INSERT = "insert into ponto.nota values (%(id)s, %(texto)s) on conflict do nothing returning id"


def main(event: dict[str, object], context: object) -> http.Response:
    """Answer a request. An error of the database becomes the response for its SQLSTATE, any other exception a 500."""
    return http.handle(event, context, store_note, name="note")


def store_note(request: http.Request) -> http.Result:
    """Store a note, unless its row exists."""
    values = request.parse_body(FIELDS)  # a mistake in the body becomes a 400 that names the field and its rule
    SESSION.execute(INSERT, values, deadline=time.monotonic() + 12)  # in seconds; the function's timeout is 20
    return http.Result({"situacao": "gravada"})
