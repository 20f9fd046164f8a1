"""Text of all files that are partly generated from the code."""

import json
import re
from pathlib import Path
from typing import Any

import psycopg2.extensions

from ponto import __version__
from ponto.punch import EVENT
from tools.develop.docs import examples, marks
from tools.develop.docs.schema import json_schema
from tools.kit import event
from tools.kit.project import DOCUMENTS, ROOT
from tools.kit.values import random_subject

OPENAPI = ROOT / "docs" / "openapi.json"
_SCHEMA = ROOT / "ponto" / "punch.schema.json"
_LOAD_TEST = ROOT / "loadtest" / "user.properties"
# Number of times that a file has the project's version, before the versions of packages.
_VERSIONS = {ROOT / "package.json": 1, ROOT / "package-lock.json": 2}


def generate(connection: psycopg2.extensions.connection | None = None) -> dict[Path, str]:
    """Return the text of each file; without a migrated database, tables of columns are not changed."""
    texts = {path: path.read_text(encoding="utf-8") for path in (*DOCUMENTS, *_VERSIONS, OPENAPI, _LOAD_TEST)}
    return {
        _SCHEMA: _to_json(json_schema(EVENT)),
        OPENAPI: _to_json(_openapi(json.loads(texts[OPENAPI]))),
        _LOAD_TEST: _load_test(texts[_LOAD_TEST]),
        **{path: _set_version(texts[path], times) for path, times in _VERSIONS.items()},
        **{path: marks.fill(texts[path], connection) for path in DOCUMENTS},
    }


def _set_version(text: str, times: int) -> str:
    return re.sub('"version": ".*"', f'"version": "{__version__}"', text, count=times)


def _openapi(document: dict[str, Any]) -> dict[str, Any]:
    """Return the description of the API, in OpenAPI 3.1, with the code's version, names, schema and examples."""
    document["info"] |= {"title": EVENT.service, "version": __version__, "summary": f"Takes in {EVENT.noun[1]}."}
    # The keywords used mean the same in draft 4 (API Gateway) and in draft 2020-12 (OpenAPI 3.1).
    schema = json_schema(EVENT)
    del schema["$schema"]
    document["components"]["schemas"][EVENT.row.__name__] = schema
    post = document["paths"][EVENT.path]["post"]
    post["operationId"] = EVENT.noun[0]
    post["requestBody"]["content"]["application/json"]["example"] = examples.body()
    post["responses"]["400"]["content"]["application/json"]["example"]["message"] = (
        "there is an error in your request: [object has missing required properties "
        f'(["{EVENT.fields[EVENT.instant].name}"])]'
    )
    return document


def _load_test(text: str) -> str:
    """Return the properties of the load test, with the body of its events within the braces, and their subjects."""
    body = {**event.body(1, "${instant}", id="${id}"), EVENT.fields[EVENT.subject].name: "${subject}"}
    fields = json.dumps(body)[1:-1].replace("\\", "\\\\")
    if EVENT.subject_type is int:
        fields = fields.replace('"${subject}"', "${subject}")
    properties = {"fields": fields, "subject": random_subject(EVENT.fields[EVENT.subject].kind)}
    return re.sub(
        f"^({'|'.join(properties)})=.*", lambda match: f"{match[1]}={properties[match[1]]}", text, flags=re.MULTILINE
    )


def _to_json(document: object) -> str:
    return json.dumps(document, indent=2) + "\n"
