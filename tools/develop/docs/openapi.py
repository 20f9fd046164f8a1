"""docs/openapi.json: the whole API for authors of clients, in OpenAPI 3.1."""

import json
import tomllib
from typing import Any

from ponto import receipt
from tools.conformance import contract
from tools.develop.docs import fields
from tools.kit.project import ROOT

FILE = ROOT / "docs" / "openapi.json"

_ID = "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e"
_PUNCH = {"id": _ID, "usuarioId": 123, "ponto": "2026-10-01T08:00:00-03:00"}
_RECEIPT = {
    "situacao": "gravada",
    "id": _ID,
    "usuarioId": 123,
    "ponto": "2026-10-01T11:00:00Z",
    "recebidaEm": "2026-10-01T11:00:01.234000Z",
    "gravadaEm": "2026-10-01T11:00:02.871345Z",
}

_KEY: dict[str, list[str]] = {"apiKey": []}
_KEY_AND_SIGN_IN: dict[str, list[str]] = {"apiKey": [], "signIn": []}

_HEADERS = {
    "Date": {
        "description": "The time on the gateway's clock, to hold the device's against.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Access-Control-Allow-Origin": {
        "description": "The one web origin that may read the answer, or `*`.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Access-Control-Expose-Headers": {
        "description": "The headers that a page of that origin may read.",
        "required": True,
        "schema": {"const": receipt.EXPOSED},
    },
    "Cache-Control": {"description": "Nobody keeps it.", "required": True, "schema": {"const": "no-store"}},
    "Retry-After": {
        "description": "s after which to ask again, or to send again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "Retry-After-5XX": {
        "description": "s after which to ask again, or to send again; where the gateway itself answers.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
_OF_ALL = ("Date", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers")


def openapi() -> str:
    """Give the description of the API, with the body of a punch as `ponto/punch.py` declares it."""
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "batida-ponto",
            "version": tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"],
            "summary": "A time clock: punches and their receipts.",
            "description": (
                "Each punch that was answered 202 becomes exactly one row, or a dead letter with its reason. "
                "docs/clients.md has the rules for a client."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/{stage}",
                "description": "A deployed stage: its output ApiUrl, without /ponto.",
                "variables": {
                    "api": {"default": "a1b2c3d4e5"},
                    "region": {"default": "us-east-1"},
                    "stage": {"default": "prod"},
                },
            }
        ],
        "security": [_KEY, _KEY_AND_SIGN_IN],
        "paths": {
            "/ponto": {"post": _post(), "get": _list()},
            "/ponto/{id}": {"get": _get()},
        },
        "components": {
            "schemas": {"Punch": _body(), "Receipt": _receipt(), "Message": _message()},
            "headers": _HEADERS,
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-key",
                    "description": "The key of a device or site (`ponto keys create`).",
                },
                "signIn": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An employee's ID token, where the stage has a user pool; there it is required.",
                },
            },
        },
    }
    return json.dumps(document, indent=2) + "\n"


def _post() -> dict[str, Any]:
    accepted = {
        "type": "object",
        "required": ["message", "messageId"],
        "properties": {"message": {"const": "accepted"}, "messageId": {"type": "string"}},
    }
    return {
        "operationId": "punch",
        "summary": "Send a punch.",
        "description": "With the same id until a 202. On 400, 413 and 415 not again.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Punch"}, "example": _PUNCH}},
        },
        "responses": {
            "202": _response(
                "Kept. A row follows, within seconds as a rule.",
                accepted,
                {"message": "accepted", "messageId": "5f3c8a1e-2b7d-4c09-9e64-1a0d3b7f5c82"},
            ),
            "400": _refused(
                "The body is not a punch; the message says what is wrong.",
                'there is an error in your request: [object has missing required properties (["ponto"])]',
            ),
            **_who(),
            "413": _refused(
                "It is larger than the 64 KiB that the queue takes.",
                "there is an error in your request: it is larger than 65536 bytes",
            ),
            "415": _refused("Another content type.", "Unsupported Media Type"),
            **_throttled(),
            "5XX": _refused(
                "It could not be kept, for a reason that is not the sender's. Send it again, later each time.",
                "there was an error handling your request",
                "Retry-After-5XX",
            ),
        },
    }


def _get() -> dict[str, Any]:
    return {
        "operationId": "getReceipt",
        "summary": "Ask whether a punch is a row.",
        "description": (
            "To a key alone only random ids are told, of version 4 and 7. Employees who signed in are told of all "
            "of their own punches, and of nobody else's."
        ),
        "parameters": [
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "The punch's id.",
                "schema": {"type": "string", "format": "uuid"},
                "example": _ID,
            }
        ],
        "responses": {
            "200": _response("It is a row.", {"$ref": "#/components/schemas/Receipt"}, _RECEIPT, "Cache-Control"),
            **_who(),
            "404": _refused("No row of this id.", receipt.NOT_FOUND, "Cache-Control", "Retry-After"),
            **_lookup(),
        },
    }


def _list() -> dict[str, Any]:
    hours = round(receipt.LISTED.total_seconds() / 3600)
    listed = {
        "type": "object",
        "required": ["batidas"],
        "properties": {
            "batidas": {
                "type": "array",
                "maxItems": receipt.MOST,
                "items": {"$ref": "#/components/schemas/Receipt"},
            }
        },
    }
    return {
        "operationId": "listReceipts",
        "summary": f"List an employee's own punches that were received in the last {hours} hours, newest first.",
        "description": "Only where the stage has a user pool; elsewhere it is a 404.",
        "security": [_KEY_AND_SIGN_IN],
        "responses": {
            "200": _response("Those that are rows.", listed, {"batidas": [_RECEIPT]}, "Cache-Control"),
            **_who(),
            "404": _refused("The stage has no user pool.", contract.NO_LIST),
            **_lookup(),
        },
    }


def _who() -> dict[str, Any]:
    return {
        "401": _refused("No good sign-in, where the stage has a user pool.", "Unauthorized"),
        "403": _refused("No API key, or a wrong one.", "Forbidden"),
    }


def _throttled() -> dict[str, Any]:
    return {"429": _refused("Over the throttle of stage, method or key. Again, later each time.", "Too Many Requests")}


def _lookup() -> dict[str, Any]:
    return {
        **_throttled(),
        "503": _refused(
            "The database resumes or is down. The punch is as safe as its 202 says.",
            receipt.UNAVAILABLE,
            "Cache-Control",
            "Retry-After",
        ),
        "5XX": _refused(
            "More is asked for at once than is looked up.",
            "there was an error handling your request",
            "Retry-After-5XX",
        ),
    }


def _refused(description: str, message: str, *headers: str) -> dict[str, Any]:
    return _response(description, {"$ref": "#/components/schemas/Message"}, {"message": message}, *headers)


def _response(description: str, schema: dict[str, Any], example: object, *headers: str) -> dict[str, Any]:
    named = {name.removesuffix("-5XX"): {"$ref": f"#/components/headers/{name}"} for name in (*_OF_ALL, *headers)}
    return {
        "description": description,
        "headers": named,
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _body() -> dict[str, Any]:
    # Draft 4, which API Gateway speaks, and 2020-12, which OpenAPI 3.1 speaks, say the same in the words used.
    schema: dict[str, Any] = json.loads(fields.schema())
    del schema["$schema"]
    return schema


def _receipt() -> dict[str, Any]:
    instant = {"type": "string", "format": "date-time"}
    properties: dict[str, Any] = {
        "situacao": {"const": "gravada", "description": "It is a row."},
        "id": {"type": "string", "format": "uuid", "description": "The punch's id, in lower case."},
        "usuarioId": {"type": "integer", "description": "The employee's number."},
        "ponto": {**instant, "description": "When the employee punched, UTC."},
        "recebidaEm": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When it was accepted, UTC; null in a row of the first version.",
        },
        "gravadaEm": {**instant, "description": "When it was written, UTC."},
    }
    return {
        "title": "Receipt",
        "description": "What is told of a punch that is a row.",
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _message() -> dict[str, Any]:
    return {
        "title": "Message",
        "description": "Why there is no other answer, for people to read: programs look at the status.",
        "type": "object",
        "required": ["message"],
        "properties": {"message": {"type": "string"}},
    }
