"""The function that closes shifts: POST /turno with `{"turno": 7}`."""

from ponto import config, connection, fields, http

FIELDS = {"id": fields.integer("turno", 1, 99, "", required=True)}  # a 400 names the field and the rule that it breaks
SESSION = connection.Session(
    lambda: config.load_database().connection_parameters(), connection.Timeouts(connect_seconds=6)
)
INSERT = "insert into ponto.turno values (%(id)s) on conflict do nothing returning id"


def main(event: dict[str, object], context: object) -> http.Response:
    """Answer a request: 503 if the database does not answer, 500 without details for any other exception."""
    return http.handle(event, context, close_shift, name="shift")


def close_shift(request: http.Request) -> http.Result:
    """Store a closed shift; the same one again is the same row."""
    SESSION.execute(INSERT, request.read(FIELDS), float("inf"))
    return http.Result({"situacao": "gravada"})
