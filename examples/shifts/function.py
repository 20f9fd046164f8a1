"""Function that stores shifts: POST /turno with `{"turno": 7}`."""

import time

from ponto import config, connection, fields, http

FIELDS = {"id": fields.Field("turno", fields.integer(1, 99, ""), required=True)}  # by column of the table
SESSION = connection.Session(
    lambda: config.load_database().connection_parameters(), connection.Timeouts(connect_seconds=6)
)
INSERT = "insert into ponto.turno values (%(id)s) on conflict do nothing returning id"


def main(event: dict[str, object], context: object) -> http.Response:
    """Answer a request. An error of the database becomes the response for its SQLSTATE, any other exception a 500."""
    return http.handle(event, context, store_shift, name="shift")


def store_shift(request: http.Request) -> http.Result:
    """Store a shift, unless its row exists."""
    values = request.parse_body(FIELDS)  # a mistake in the body becomes a 400 that names the field and its rule
    SESSION.execute(INSERT, values, deadline=time.monotonic() + 12)  # in seconds; the function's timeout is 20
    return http.Result({"situacao": "gravada"})
