"""Number and duration of attempts to connect, on a fake clock that advances only during waits."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, cast
from unittest.mock import MagicMock

import psycopg2
import psycopg2.extensions
import pytest

from ponto.shared.config import SECRET_FETCH_TIMEOUT_SECONDS
from ponto.shared.connection import CannotConnectError, Driver, Parameters, Session, Timeouts, connect, is_login_refused

REJECTED = 'FATAL:  password authentication failed for user "ponto_drain"'
REJEITADA = 'FATAL:  autenticação do tipo senha falhou para usuário "ponto_drain"'
CONNECTED = cast(psycopg2.extensions.connection, MagicMock())

Attempt = tuple[float, str]  # seconds until the server answers, and the error; "": connected


class Server(Driver):
    """A fake server with its clock. An attempt ends as `answers` says, or at its connect_timeout if that is earlier."""

    def __init__(self) -> None:
        self.now = 0.0
        self.answers: Callable[[dict[str, Any]], Attempt] = lambda _: (0.0, "")
        self.attempts: list[dict[str, Any]] = []
        self.connected = CONNECTED

    def connect(self, **arguments: Any) -> psycopg2.extensions.connection:
        self.attempts.append(arguments)
        seconds, error = self.answers(arguments)
        timeout = arguments["connect_timeout"]
        self.now += min(seconds, timeout)
        if seconds > timeout:
            raise psycopg2.OperationalError("timeout expired")
        if error:
            raise psycopg2.OperationalError(error)
        return self.connected

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def server() -> Server:
    return Server()


REFUSED_BY_IAM = 'FATAL:  PAM authentication failed for user "ponto_drain"'
MISSING_PERMISSION = "the function lacks the permission rds-db:connect, or the role is not a member of rds_iam"
REFUSED: Attempt = (0, "Connection refused")
NOT_READY: Attempt = (0.05, "FATAL:  no pg_hba.conf entry for host")

with_each_refusal = pytest.mark.parametrize(
    "refusal",
    [(3, "server closed the connection unexpectedly"), NOT_READY, (3600, ""), (0.05, REJEITADA)],
    ids=["closed after 3 s", "28000", "no answer", "another language"],
)


OLD = "old"


def connect_to(
    server: Server,
    password: str | Callable[[], str] = OLD,
    refresh: Callable[[], Parameters] | None = None,
    **timeouts: int,
) -> object:
    return connect({"password": password}, "test", Timeouts(**timeouts), refresh=refresh, driver=server)


@with_each_refusal
@pytest.mark.parametrize("resumes", [1, 35])
def test_resuming_database_is_connected_within_five_seconds_of_its_return(
    server: Server, refusal: Attempt, resumes: int
) -> None:
    server.answers = lambda _: refusal if server.now < resumes else (0.1, "")

    assert connect_to(server) is CONNECTED

    assert resumes <= server.now <= resumes + 5.1
    assert all(each["connect_timeout"] <= 4 for each in server.attempts)


@with_each_refusal
@pytest.mark.parametrize("seconds", [2, 40])
def test_attempts_end_within_the_total_time(server: Server, refusal: Attempt, seconds: int) -> None:
    server.answers = lambda _: refusal

    with pytest.raises(psycopg2.OperationalError):
        connect_to(server, connect_seconds=seconds)

    assert server.now <= seconds + 0.1
    assert len(server.attempts) >= seconds // 5


def test_no_attempt_without_time_left(server: Server) -> None:
    with pytest.raises(CannotConnectError, match="no time left"):
        connect_to(server, connect_seconds=1)
    assert server.attempts == []


def fetch_passwords(*passwords: str) -> Callable[[], Parameters]:
    answers: Iterator[str] = iter(passwords)
    return lambda: {"password": next(answers)}


@pytest.mark.parametrize("text", [REJECTED, REJEITADA])
def test_rotated_password_is_fetched_once_and_used_at_once(server: Server, text: str) -> None:
    server.answers = lambda arguments: (0.05, text if arguments["password"] == OLD else "")

    assert connect_to(server, refresh=fetch_passwords("new")) is CONNECTED

    assert [each["password"] for each in server.attempts] == ["old", "new"]
    assert server.now < 1


@pytest.mark.parametrize(
    ("renewed", "tried"),
    [(None, ["old"]), ("old", ["old"]), ("new", ["old", "new"])],
    ids=["never", "same", "wrong too"],
)
def test_wrong_password_is_not_retried(server: Server, renewed: str | None, tried: list[str]) -> None:
    server.answers = lambda _: (0.05, REJECTED)

    with pytest.raises(psycopg2.OperationalError):
        connect_to(server, refresh=fetch_passwords(renewed) if renewed else None)

    assert [each["password"] for each in server.attempts] == tried


def test_password_rotated_while_the_database_resumes_is_fetched(server: Server) -> None:
    login = {OLD: (0.05, REJECTED), "new": (0.05, "")}
    server.answers = lambda arguments: NOT_READY if server.now < 20 else login[arguments["password"]]

    assert connect_to(server, refresh=fetch_passwords("new")) is CONNECTED


def fail_to_read_secret(server: Server, seconds: float) -> Callable[[], Parameters]:
    """Return a function that fails to read the secret after some seconds."""

    def fetch() -> Parameters:
        server.now += seconds
        raise CannotConnectError("EndpointConnectionError: no Secrets Manager")

    return fetch


@pytest.mark.parametrize("seconds", [0.1, SECRET_FETCH_TIMEOUT_SECONDS])
def test_attempts_go_on_with_the_old_password_if_the_secret_cannot_be_read(server: Server, seconds: float) -> None:
    server.answers = lambda _: REFUSED if server.now < 20 else (0.1, "")

    assert connect_to(server, refresh=fail_to_read_secret(server, seconds)) is CONNECTED

    assert {each["password"] for each in server.attempts} == {"old"}
    assert 20 <= server.now <= 25.1


@pytest.mark.parametrize(("connect_seconds", "deadline"), [(5, 40), (40, 5)])
def test_session_waits_until_its_deadline_or_timeout(server: Server, connect_seconds: int, deadline: float) -> None:
    server.now = 1_000
    server.answers = lambda _: REFUSED

    with pytest.raises(psycopg2.OperationalError):
        Session(dict, Timeouts(connect_seconds=connect_seconds), driver=server).execute("select", {}, 1_000 + deadline)

    assert [each["connect_timeout"] for each in server.attempts] == [4, 4, 3, 2]
    assert server.now <= 1_005


def test_slow_secret_is_fetched_once_and_shortens_the_time_to_connect(server: Server) -> None:
    fetched = []

    def fetch() -> Parameters:
        server.now += SECRET_FETCH_TIMEOUT_SECONDS
        fetched.append(server.now)
        return {"password": "new"}

    server.answers = lambda _: REFUSED

    with pytest.raises(psycopg2.OperationalError):
        Session(fetch, Timeouts(), driver=server).execute("select", {}, 10)

    assert server.now <= 10
    assert fetched == [SECRET_FETCH_TIMEOUT_SECONDS]


SERVER = 'connection to server at "ponto.cluster-abcdefghijkl.us-east-1.rds.amazonaws.com" (10.0.1.23), port 5432'
LIBPQ_ERROR = f"{SERVER} failed: FATAL:  no pg_hba.conf entry for host\n{SERVER} failed: FATAL:  another\n"


@pytest.mark.parametrize(("seconds", "connect_seconds"), [(SECRET_FETCH_TIMEOUT_SECONDS, 4), (0.1, 40)])
def test_error_names_both_an_unreachable_database_and_secret(
    server: Server, seconds: float, connect_seconds: int
) -> None:
    server.answers = lambda _: (0.1, LIBPQ_ERROR)

    with pytest.raises(CannotConnectError, match=r"^Endpoint.* no Secrets Manager, after FATAL:  no pg_hba.conf .*$"):
        connect_to(server, refresh=fail_to_read_secret(server, seconds), connect_seconds=connect_seconds)

    assert server.now <= max(connect_seconds, 1 + seconds)


# Login by IAM


def token_generator() -> Callable[[], str]:
    """Return a function that returns a different token at each call."""
    return map("token {}".format, count(1)).__next__


@pytest.mark.parametrize("text", [REFUSED_BY_IAM, REJECTED])  # for a role without rds_iam, PostgreSQL checks a password
@pytest.mark.parametrize("address", ["", f"{SERVER} failed: "])
def test_refused_token_is_replaced_once_and_the_error_names_the_missing_permission(
    server: Server, text: str, address: str
) -> None:
    server.answers = lambda _: (0.05, f"{address}{text}\n{SERVER} failed: FATAL:  no pg_hba.conf entry\n")

    with pytest.raises(CannotConnectError) as caught:
        connect_to(server, token_generator())

    assert str(caught.value) == f"{text}: {MISSING_PERMISSION}"
    assert is_login_refused(caught.value)
    assert [each["password"] for each in server.attempts] == ["token 1", "token 2"]
    assert server.now < 2


def test_refused_token_is_replaced_during_the_propagation_time_of_iam(server: Server) -> None:
    server.answers = lambda _: (0.05, REFUSED_BY_IAM if server.now < 110 else "")
    assert connect_to(server, token_generator(), iam_propagation_seconds=120) is CONNECTED

    server.now = 0
    server.answers = lambda _: (0.05, REFUSED_BY_IAM)
    with pytest.raises(CannotConnectError, match=MISSING_PERMISSION):
        connect_to(server, token_generator(), iam_propagation_seconds=120)
    assert 115 < server.now <= 120


@pytest.mark.parametrize(
    ("password", "text", "seconds"),
    [("old", REJECTED, 0.1), ("old", "Connection refused", 40), (token_generator(), "Connection refused", 40)],
)
def test_propagation_time_of_iam_prolongs_no_other_wait(
    server: Server, password: str | Callable[[], str], text: str, seconds: float
) -> None:
    server.answers = lambda _: (0.05, text)

    with pytest.raises(psycopg2.OperationalError, match=text):
        connect_to(server, password, iam_propagation_seconds=120)

    assert server.now <= seconds


def test_password_of_a_role_with_rds_iam_is_not_retried_and_the_error_says_why(server: Server) -> None:
    server.answers = lambda _: (0.05, REFUSED_BY_IAM)

    with pytest.raises(CannotConnectError, match=f"^{REFUSED_BY_IAM}: the role is a member of rds_iam"):
        connect_to(server)

    assert len(server.attempts) == 1


def test_session_creates_new_tokens_for_each_connection(server: Server) -> None:
    token = token_generator()
    session = Session(lambda: {"password": token}, Timeouts(), driver=server)
    server.answers = lambda _: (0.05, REFUSED_BY_IAM)
    for _ in range(2):
        with pytest.raises(CannotConnectError):
            session.execute("select", {}, server.now + 40)
    assert [each["password"] for each in server.attempts] == ["token 1", "token 2", "token 3", "token 4"]


def test_failed_creation_of_a_token_fails_the_connection(server: Server) -> None:
    def token() -> str:
        raise KeyError("AWS_ACCESS_KEY_ID")

    with pytest.raises(CannotConnectError, match=r"^KeyError: 'AWS_ACCESS_KEY_ID'$"):
        connect_to(server, token)
    assert server.attempts == []
