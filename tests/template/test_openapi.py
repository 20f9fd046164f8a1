"""docs/openapi.json agrees with the compiled template and the function."""

import json
import re
from typing import Any

from tools.develop.docs.files import OPENAPI
from tools.kit.packaging import Template

DOCUMENT: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))
OPERATIONS = {
    (method.upper(), path): operation for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
}
PUNCH = OPERATIONS["POST", "/ponto"]


def test_document_has_methods_keys_and_bodies_of_the_template(prod: Template) -> None:
    assert prod.by_type("AWS::ApiGateway::Method").keys() == {"PostEvent", "EventPreflight"}
    assert OPERATIONS.keys() == {("POST", "/ponto")}

    post = prod.properties("PostEvent")
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert schemes["signIn"]["scheme"] == "bearer"
    assert (schemes["apiKey"]["in"], schemes["apiKey"]["name"]) == ("header", "x-api-key")
    requirements = PUNCH.get("security", DOCUMENT["security"])
    assert [set(requirement) for requirement in requirements] == [{"apiKey"}, {"apiKey", "signIn"}]
    assert PUNCH["requestBody"]["content"].keys() == post["Integration"]["RequestTemplates"].keys()
    schema = DOCUMENT["components"]["schemas"]["Punch"]
    assert schema == {
        name: value for name, value in prod.properties("EventModel")["Schema"].items() if name != "$schema"
    }


def test_document_has_the_statuses_of_the_gateway(prod: Template) -> None:
    gateways_own = {"400", "401", "403", "415", "429"}  # schema, sign-in, key, content type, throttle
    from_sqs = set[str]()
    for response in prod.properties("PostEvent")["Integration"]["IntegrationResponses"]:
        overridden = re.findall(r"status = (\d+)", "".join(response["ResponseTemplates"].values()))
        from_sqs |= {status if status < "500" else "5XX" for status in (response["StatusCode"], *overridden)}
    assert PUNCH["responses"].keys() == gateways_own | from_sqs


def test_document_has_the_headers_of_all_responses(prod: Template) -> None:
    """The integration's responses and the gateway's own responses have the same headers."""
    integration_headers = {
        header.rpartition(".")[2]
        for response in prod.properties("PostEvent")["MethodResponses"]
        for header in response["ResponseParameters"]
    }
    gateway_responses = prod.by_type("AWS::ApiGateway::GatewayResponse").values()
    common_headers = set.intersection(
        *({header.rpartition(".")[2] for header in response["ResponseParameters"]} for response in gateway_responses)
    )
    assert integration_headers == common_headers
    for status, response in PUNCH["responses"].items():
        retry_after = {"Retry-After"} if status == "5XX" else set()
        assert response["headers"].keys() == common_headers | {"Date"} | retry_after, status
