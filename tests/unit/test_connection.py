"""Attempts to connect: their number and their time, on a clock that advances only while something waits."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, cast
from unittest.mock import MagicMock

import psycopg2
import psycopg2.extensions
import pytest

from ponto.config import SECRET_FETCH_TIMEOUT_SECONDS
from ponto.connection import CannotConnectError, Driver, Parameters, Session, Timeouts, connect, is_login_refused

REJECTED = 'FATAL:  password authentication failed for user "ponto_function"'
REJEITADA = 'FATAL:  autenticação do tipo senha falhou para usuário "ponto_function"'
CONNECTED = cast(psycopg2.extensions.connection, MagicMock())

Attempt = tuple[float, str]  # seconds until the answer, unless connect_timeout is shorter, and the error; "": connected


class Server(Driver):
    """A server, and a clock; an attempt ends by `answers` or by its own timeout."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stall_seconds = 0.0  # of the machine, at each look at the clock
        self.answers: Callable[[dict[str, Any]], Attempt] = lambda _: (0.0, "")
        self.tries: list[dict[str, Any]] = []
        self.connected = CONNECTED

    def connect(self, **arguments: Any) -> psycopg2.extensions.connection:
        self.tries.append(arguments)
        seconds, error = self.answers(arguments)
        timeout = arguments["connect_timeout"]
        self.now += min(seconds, timeout)
        if seconds > timeout:
            raise psycopg2.OperationalError("timeout expired")
        if error:
            raise psycopg2.OperationalError(error)
        return self.connected

    def monotonic(self) -> float:
        self.now += self.stall_seconds
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def server() -> Server:
    return Server()


REFUSED_BY_IAM = 'FATAL:  PAM authentication failed for user "ponto_function"'
LACKS = "the function lacks the permission rds-db:connect, or the role is not a member of rds_iam"


REFUSALS: dict[str, Attempt] = {
    "end of file after 3 s": (3, "server closed the connection unexpectedly"),
    "28000": (0.05, "FATAL:  no pg_hba.conf entry for host"),
    "silence": (3600, ""),
    "refused": (0, "Connection refused"),
    "no such name": (0.5, 'could not translate host name "db" to address'),
    "another language": (0.05, REJEITADA),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize("resumes", [1, 20, 35])
def test_whatever_a_database_that_resumes_answers_it_is_connected_to_within_five_seconds_of_its_return(
    server: Server, refusal: Attempt, resumes: int
) -> None:
    server.answers = lambda _: refusal if server.now < resumes else (0.1, "")

    assert connect({}, "test", driver=server) is CONNECTED

    assert resumes <= server.now <= resumes + 5.1
    assert all(each["connect_timeout"] <= 4 for each in server.tries)


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize("seconds", [2, 3, 7, 40])
def test_all_tries_together_end_in_their_time(server: Server, refusal: Attempt, seconds: int) -> None:
    server.answers = lambda _: refusal

    with pytest.raises(psycopg2.OperationalError):
        connect({}, "test", Timeouts(connect_seconds=seconds), driver=server)

    assert server.now <= seconds + 0.1
    assert len(server.tries) >= seconds // 5


@pytest.mark.parametrize("seconds", [-3, 0, 1])
def test_without_time_nothing_is_tried(server: Server, seconds: int) -> None:
    with pytest.raises(CannotConnectError, match="no time left"):
        connect({}, "test", Timeouts(connect_seconds=seconds), driver=server)
    assert server.tries == []


def test_a_stall_before_the_first_attempt_leaves_it_its_time(server: Server) -> None:
    server.stall_seconds = 0.3

    assert connect({}, "test", Timeouts(connect_seconds=2), driver=server) is CONNECTED

    assert [each["connect_timeout"] for each in server.tries] == [2]


def is_old(arguments: dict[str, Any]) -> bool:
    return bool(arguments["password"] == "old")  # noqa: S105


def fetching(*passwords: str) -> Callable[[], Parameters]:
    answers: Iterator[str] = iter(passwords)
    return lambda: {"password": next(answers)}


@pytest.mark.parametrize("text", [REJECTED, REJEITADA])
def test_a_rotated_password_is_fetched_once_and_tried_at_once(server: Server, text: str) -> None:
    server.answers = lambda arguments: (0.05, text if is_old(arguments) else "")

    assert connect({"password": "old"}, "test", refresh=fetching("new"), driver=server) is CONNECTED

    assert [each["password"] for each in server.tries] == ["old", "new"]
    assert server.now < 1


@pytest.mark.parametrize(
    ("renewed", "tried"),
    [(None, ["old"]), ("old", ["old"]), ("new", ["old", "new"])],
    ids=["never", "same", "wrong too"],
)
def test_a_wrong_password_is_not_repeated(server: Server, renewed: str | None, tried: list[str]) -> None:
    server.answers = lambda _: (0.05, REJECTED)

    with pytest.raises(psycopg2.OperationalError):
        connect({"password": "old"}, "test", refresh=fetching(renewed) if renewed else None, driver=server)

    assert [each["password"] for each in server.tries] == tried


def test_a_password_that_was_rotated_while_the_database_resumes_is_found(server: Server) -> None:
    def answer(arguments: dict[str, Any]) -> Attempt:
        return REFUSALS["28000"] if server.now < 20 else (0.05, REJECTED if is_old(arguments) else "")

    server.answers = answer

    assert connect({"password": "old"}, "test", refresh=fetching("new"), driver=server) is CONNECTED


def unreadable(server: Server, seconds: float) -> Callable[[], Parameters]:
    """Return a function that fails to read a secret after so many seconds."""

    def fetch() -> Parameters:
        server.now += seconds
        raise CannotConnectError("EndpointConnectionError: no Secrets Manager")

    return fetch


@pytest.mark.parametrize("seconds", [0.1, SECRET_FETCH_TIMEOUT_SECONDS])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_secret_that_cannot_be_read_does_not_end_the_tries(server: Server, refusal: Attempt, seconds: float) -> None:
    server.answers = lambda _: refusal if server.now < 20 else (0.1, "")

    assert connect({"password": "old"}, "test", refresh=unreadable(server, seconds), driver=server) is CONNECTED

    assert {each["password"] for each in server.tries} == {"old"}
    assert 20 <= server.now <= 25.1


@pytest.mark.parametrize(("connect_seconds", "deadline"), [(5, 40), (40, 5)])
def test_a_session_waits_neither_past_its_deadline_nor_longer_than_its_timeouts(
    server: Server, connect_seconds: int, deadline: float
) -> None:
    server.now = 1_000
    server.answers = lambda _: REFUSALS["refused"]

    with pytest.raises(psycopg2.OperationalError):
        Session(dict, Timeouts(connect_seconds=connect_seconds), driver=server).execute("select", {}, 1_000 + deadline)

    assert [each["connect_timeout"] for each in server.tries] == [4, 4, 3, 2]
    assert server.now <= 1_005


def test_a_slow_secret_leaves_less_time_to_connect_and_is_fetched_once(server: Server) -> None:
    fetched = []

    def fetch() -> Parameters:
        server.now += SECRET_FETCH_TIMEOUT_SECONDS
        fetched.append(server.now)
        return {"password": "new"}

    server.answers = lambda _: REFUSALS["refused"]

    with pytest.raises(psycopg2.OperationalError):
        Session(fetch, Timeouts(), driver=server).execute("select", {}, 10)

    assert server.now <= 10
    assert fetched == [SECRET_FETCH_TIMEOUT_SECONDS]


SERVER = 'connection to server at "ponto.cluster-abcdefghijkl.us-east-1.rds.amazonaws.com" (10.0.1.23), port 5432'
LIBPQ = f"{SERVER} failed: FATAL:  no pg_hba.conf entry for host\n{SERVER} failed: FATAL:  another\n"


@pytest.mark.parametrize("seconds", [0.1, SECRET_FETCH_TIMEOUT_SECONDS])
@pytest.mark.parametrize("connect_seconds", [4, 7, 40])
def test_a_database_and_a_secret_that_do_not_answer_are_both_named(
    server: Server, seconds: float, connect_seconds: int
) -> None:
    server.answers = lambda _: (0.1, LIBPQ)

    with pytest.raises(
        CannotConnectError,
        match=r"^EndpointConnectionError: no Secrets Manager, after FATAL:  no pg_hba.conf entry for host$",
    ):
        connect(
            {}, "test", Timeouts(connect_seconds=connect_seconds), refresh=unreadable(server, seconds), driver=server
        )

    assert server.now <= max(connect_seconds, 1 + seconds)


def test_with_no_time_for_another_try_no_password_is_fetched(server: Server) -> None:
    server.answers = lambda _: (0.1, REJECTED)

    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connect(
            {"password": "old"},
            "test",
            Timeouts(connect_seconds=2),
            refresh=lambda: pytest.fail("it was fetched"),
            driver=server,
        )

    assert len(server.tries) == 1


# Login by IAM


def tokens() -> Callable[[], str]:
    """Return a function that makes tokens, no two alike."""
    return map("token {}".format, count(1)).__next__


@pytest.mark.parametrize("text", [REFUSED_BY_IAM, REJECTED])  # of a role that lacks rds_iam a password is wanted
@pytest.mark.parametrize("address", ["", f"{SERVER} failed: "])
def test_a_token_that_is_refused_is_made_anew_once_and_what_is_missing_is_said(
    server: Server, text: str, address: str
) -> None:
    server.answers = lambda _: (0.05, f"{address}{text}\n{SERVER} failed: FATAL:  no pg_hba.conf entry\n")

    with pytest.raises(CannotConnectError) as caught:
        connect({"password": tokens()}, "test", driver=server)

    assert str(caught.value) == f"{text}: {LACKS}"
    assert is_login_refused(caught.value)
    assert [each["password"] for each in server.tries] == ["token 1", "token 2"]
    assert server.now < 2


def test_a_token_that_is_refused_while_a_right_spreads_is_made_anew_for_as_long_as_told(server: Server) -> None:
    server.answers = lambda _: (0.05, REFUSED_BY_IAM if server.now < 110 else "")
    assert connect({"password": tokens()}, "test", Timeouts(iam_propagation_seconds=120), driver=server) is CONNECTED

    server.now = 0
    server.answers = lambda _: (0.05, REFUSED_BY_IAM)
    with pytest.raises(CannotConnectError, match=LACKS):
        connect({"password": tokens()}, "test", Timeouts(iam_propagation_seconds=120), driver=server)
    assert 115 < server.now <= 120


@pytest.mark.parametrize(
    ("password", "text", "seconds"),
    [("old", REJECTED, 0.1), ("old", "Connection refused", 40), (tokens(), "Connection refused", 40)],
)
def test_nothing_else_is_waited_for_any_longer_because_of_that(
    server: Server, password: str | Callable[[], str], text: str, seconds: float
) -> None:
    server.answers = lambda _: (0.05, text)

    with pytest.raises(psycopg2.OperationalError, match=text):
        connect({"password": password}, "test", Timeouts(iam_propagation_seconds=120), driver=server)

    assert server.now <= seconds


def test_a_password_of_a_role_that_takes_tokens_only_is_not_repeated_and_it_is_said_why(server: Server) -> None:
    server.answers = lambda _: (0.05, REFUSED_BY_IAM)

    with pytest.raises(
        CannotConnectError, match=f"^{REFUSED_BY_IAM}: the role is a member of rds_iam, perhaps through"
    ):
        connect({"password": "old"}, "test", driver=server)

    assert len(server.tries) == 1


def test_a_token_that_cannot_be_made_is_no_connection(server: Server) -> None:
    def token() -> str:
        raise KeyError("AWS_ACCESS_KEY_ID")

    with pytest.raises(CannotConnectError, match=r"^KeyError: 'AWS_ACCESS_KEY_ID'$"):
        Session(lambda: {"password": token}, Timeouts(), driver=server).execute("select", {}, 40)
    assert server.tries == []


def test_a_session_keeps_no_token_and_waits_between_two_tries_of_a_later_connection_too(server: Server) -> None:
    token = tokens()
    session = Session(lambda: {"password": token}, Timeouts(), driver=server)
    server.answers = lambda _: (0.05, REFUSED_BY_IAM)
    for first in (1, 3):
        began = server.now
        with pytest.raises(CannotConnectError):
            session.execute("select", {}, began + 40)
        assert [each["password"] for each in server.tries[-2:]] == [f"token {first}", f"token {first + 1}"]
        assert server.now == pytest.approx(began + 1.1)
