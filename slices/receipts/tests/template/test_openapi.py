"""openapi.json describes the compiled template and the function."""

import json
import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from ponto.punch import EVENT
from slices.receipts import function, openapi
from slices.receipts.lookup import Receipts, open_session
from tests.events import Context
from tests.template.test_openapi import (
    DOCUMENT as REFERENCE,
)
from tests.template.test_openapi import (
    FAILURE_STATUS,
    KEY_STATUS,
    SIGN_IN_STATUS,
    THROTTLE_STATUS,
    require_examples,
)
from tools.kit.packaging import Template

DOCUMENT: dict[str, Any] = json.loads(openapi.FILE.read_text(encoding="utf-8"))
LIST_PATH, RECEIPT_PATH = EVENT.path, f"{EVENT.path}/{{id}}"
PATHS = {"PunchResource": LIST_PATH, "ReceiptResource": RECEIPT_PATH}
OPERATIONS = {path: item["get"] for path, item in DOCUMENT["paths"].items()}


def test_file_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_examples_match_their_schemas() -> None:
    require_examples(DOCUMENT)


def test_components_shared_with_punches_are_equal() -> None:
    for kind, components in DOCUMENT["components"].items():
        shared = REFERENCE["components"][kind]
        assert {name: components[name] for name in shared.keys() & components.keys()} == {
            name: shared[name] for name in shared.keys() & components.keys()
        }
    assert DOCUMENT["servers"] == REFERENCE["servers"]


def test_operations_are_the_methods_of_the_template_with_their_keys(prod: Template) -> None:
    methods = {
        PATHS[method["ResourceId"]["Ref"]]: method
        for name, method in prod.by_type("AWS::ApiGateway::Method").items()
        if method["HttpMethod"] == "GET" and "Receipt" in name
    }
    assert methods.keys() == OPERATIONS.keys()
    assert all(method["ApiKeyRequired"] for method in methods.values())
    both = [{"apiKey"}, {"apiKey", "signIn"}]
    security = {
        path: [set(each) for each in operation.get("security", DOCUMENT["security"])]
        for path, operation in OPERATIONS.items()
    }
    assert security == {RECEIPT_PATH: both, LIST_PATH: both[1:]}  # without a sign-in there is no list


@pytest.mark.parametrize("path", OPERATIONS)
def test_operations_have_all_possible_statuses(path: str) -> None:
    source = openapi.FILE.with_name("function.py").read_text(encoding="utf-8")
    assert set(re.findall(r"HttpError\((\d{3})", source)) == {"404"}
    gateway_statuses = {KEY_STATUS, SIGN_IN_STATUS, THROTTLE_STATUS, FAILURE_STATUS}
    assert OPERATIONS[path]["responses"].keys() == {"200", "404", "503"} | gateway_statuses


def test_responses_have_the_headers_of_function_and_gateway(prod: Template) -> None:
    answers = prod.by_type("AWS::ApiGateway::GatewayResponse").values()
    gateway_headers = set.intersection(
        *({header.rpartition(".")[2] for header in answer["ResponseParameters"]} for answer in answers)
    )
    no_id = {"pathParameters": {"id": "1"}, "requestContext": {}}
    receipts = Receipts(open_session(dict), requires_sign_in=False)
    by_function = set(function.main(no_id, Context(), create=lambda: receipts)["headers"])
    assert by_function == gateway_headers | {"Content-Type", "Cache-Control", "Retry-After"}
    for path, operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            has_no_list = (path, status) == (LIST_PATH, "404")  # the stage has no sign-in
            is_lookup = status in {"200", "404", "503"} and not has_no_list
            retry_headers = {"Retry-After"} if status in {"404", "503", FAILURE_STATUS} and not has_no_list else set()
            headers = gateway_headers | {"Date"} | ({"Cache-Control"} if is_lookup else set()) | retry_headers
            assert response["headers"].keys() == headers, (path, status)
