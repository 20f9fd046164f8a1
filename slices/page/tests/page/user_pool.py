"""A server that plays a Cognito user pool's domain: it signs everybody in, and holds clients to PKCE.

Who has signed in is signed in again until they sign out, as by Cognito's cookie; there is one browser.
"""

import base64
import hashlib
import json
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

from slices.page import site
from tests.serving import Request, Response, answering

CLIENT = "app client"


class UserPool:
    """Signs everybody in; `user_pool` listens for it."""

    def __init__(self) -> None:
        self.employee = 0  # who signs in next
        self.known = 0  # who has signed in
        self.status = 200  # of the token endpoint
        self.claims: dict[str, object] = {}  # of the next tokens, instead of their own
        self.tokens: list[str] = []  # made so far
        self.revoked: list[str] = []  # refresh tokens
        self.questions: list[dict[str, str]] = []  # to all endpoints
        self.origin = ""  # its address

    @property
    def settings(self) -> site.SignIn:
        """What the page is told."""
        oauth2 = f"{self.origin}/oauth2"
        return site.SignIn(
            f"{oauth2}/authorize", f"{oauth2}/token", f"{oauth2}/revoke", f"{self.origin}/logout", CLIENT
        )

    def redirect(self, path: str, asked: dict[str, str]) -> str:
        """Answer the endpoints that a browser is sent to: where it goes on."""
        self.questions.append(asked)
        if path == "/logout":
            self.known = 0
            return asked["logout_uri"]
        self.known = self.employee = self.known or self.employee
        return f"{asked['redirect_uri']}?{urllib.parse.urlencode({'code': 'code', 'state': asked['state']})}"

    def make_token(self) -> str:
        """Make an ID token; nobody checks its signature here."""
        claims = {"custom:usuarioId": str(self.employee), "number": len(self.tokens), "name": "Conceição"} | self.claims
        body = base64.urlsafe_b64encode(json.dumps(claims, ensure_ascii=False).encode()).decode().rstrip("=")
        self.tokens.append(f"header.{body}.signature")
        return self.tokens[-1]

    def grant(self, fields: dict[str, str]) -> tuple[int, dict[str, str]]:
        """Answer the token endpoint."""
        self.questions.append(fields)
        if self.status != 200:
            return self.status, {"error": "made up"}
        if fields["grant_type"] == "refresh_token":
            good = fields["refresh_token"] not in self.revoked
            return (200, {"id_token": self.make_token()}) if good else (400, {"error": "invalid_grant"})
        asked = next(each for each in reversed(self.questions) if "code_challenge" in each)
        digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        good = (challenge, CLIENT) == (asked["code_challenge"], fields["client_id"]) and fields["code"] == "code"
        if not good or fields["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"id_token": self.make_token(), "refresh_token": "refresh"}

    def revoke(self, fields: dict[str, str]) -> int:
        """Answer the revocation endpoint: the status."""
        self.questions.append(fields)
        self.revoked.append(fields["token"])
        return 200

    def answer(self, request: Request) -> Response:
        """Answer any endpoint."""
        path, _, query = request.path.partition("?")
        if request.method == "GET":
            return 302, {"location": self.redirect(path, dict(urllib.parse.parse_qsl(query)))}, b""
        fields = dict(urllib.parse.parse_qsl(request.body.decode()))
        if path == "/oauth2/revoke":
            return self.revoke(fields), {}, b""
        status, body = self.grant(fields)
        # The header as Cognito's token endpoint has it.
        return status, {"access-control-allow-origin": "*"}, json.dumps(body).encode()


@contextmanager
def user_pool() -> Iterator[UserPool]:
    """Listen for as long as the context lasts."""
    pool = UserPool()
    with answering(pool.answer) as pool.origin:
        yield pool
