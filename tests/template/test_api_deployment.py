"""The Deployment is a snapshot: a change of the API reaches nobody without a new one, that is, a new logical id."""

import copy
import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.template.compiled import Compile
from tools.kit import osls
from tools.kit.packaging import Template
from tools.kit.project import ROOT

API = [  # in the order of resources/api.yml
    "Api",
    "PunchResource",
    "PunchModel",
    "BodyValidator",
    "PostPunch",
    "PunchPreflight",
    "ClientError",
    "InvalidBody",
    "ServerError",
]
BROUGHT = [  # by slices
    "CorrectionResource",
    "PostCorrection",
    "ReceiptResource",
    "GetReceipt",
    "ListReceipts",
    "ReceiptPreflight",
]
PUBLISHED = [*API, *BROUGHT]
GATEWAY_RESPONSE = "AWS::ApiGateway::GatewayResponse"
KEYS = ["ApiKey", "UsagePlan", "UsagePlanKey"]

# The logical ids that resources/api-deployment.js makes, given its variables several times over.
SCRIPT = """
const make = require('./resources/api-deployment.js');
const idOf = async (variables) => {
  const { Resources } = await make({ resolveVariable: async (name) => variables[name] });
  return Object.keys(Resources).find((id) => id !== 'ApiStage');
};
Promise.all(JSON.parse(require('node:fs').readFileSync(0)).map(idOf)).then((ids) => console.log(JSON.stringify(ids)));
"""

# What is done to properties of the definitions in resources/api.yml.
CHANGES: dict[str, Callable[[Any], object]] = {
    "nothing": lambda _: None,
    "a key's limits": lambda api: api["UsagePlan"]["Throttle"].update(RateLimit=1),
    "a key's plan": lambda api: api.pop("UsagePlanKey"),
    "a field's description": lambda api: api["PunchModel"]["Schema"]["properties"]["ponto"].update(description="When."),
    "whether a key is asked for": lambda api: api["PostPunch"].update(ApiKeyRequired=False),
    "an answer": lambda api: api["ServerError"]["ResponseTemplates"].update({"application/json": "{}"}),
    "another answer": lambda api: api.update(Throttled={"ResponseType": "THROTTLED"}),
    "whether a correction is signed": lambda api: api["PostCorrection"].update(AuthorizationType="NONE"),
    "the preflight": lambda api: api.pop("PunchPreflight"),
    "validation": lambda api: api["BodyValidator"].update(ValidateRequestBody=False),
    "the path": lambda api: api["PunchResource"].update(PathPart="punch"),
}
UNPUBLISHED = {"nothing", "a key's limits", "a key's plan"}


def test_takes_in_all_that_is_published_before_the_stage_shows_it(prod: Template) -> None:
    name = deployment(prod)
    assert prod.properties(name) == {"RestApiId": {"Ref": "Api"}}
    assert prod.resources[name]["DependsOn"] == PUBLISHED[1:]
    assert prod.properties("ApiStage")["DeploymentId"] == {"Ref": name}


def test_another_origin_is_published(compiled: Compile, dev: Template) -> None:
    assert deployment(compiled("dev", "corsOrigin=https://app.example.org")) != deployment(dev)


def test_the_function_the_queue_and_throttling_publish_nothing(compiled: Compile, dev: Template) -> None:
    changes = ["timeout=30", "batchingWindow=2", "memory=512", "stageRateLimit=5", "keyRateLimit=5"]
    changed = compiled("dev", *changes)
    assert deployment(changed) == deployment(dev)
    assert changed.properties("ApiStage")["MethodSettings"][0]["ThrottlingRateLimit"] == 5


def test_a_new_deployment_is_made_for_a_change_of_what_is_published_and_for_no_other(prod: Template) -> None:
    given = []
    for change in CHANGES.values():
        api = copy.deepcopy({name: prod.properties(name) for name in [*PUBLISHED, *KEYS]})
        change(api)
        given.append(_variables(prod, api))
    made = dict(zip(CHANGES, _ids(given), strict=True))
    assert {what for what, name in made.items() if name == deployment(prod)} == UNPUBLISHED


@pytest.mark.parametrize("is_turned_on", [True, False])
def test_what_an_update_publishes_is_what_its_template_says(
    prod: Template, signed_in: Template, is_turned_on: bool
) -> None:
    """CloudFormation removes what a template no longer has at the end: the new deployment is made while it is there."""
    before, after = (prod, signed_in) if is_turned_on else (signed_in, prod)
    assert deployment(before) != deployment(after)
    still_there = before.resources.keys() - after.resources.keys() - {deployment(before)}
    kinds = {before.resources[name]["Type"] for name in still_there}
    # An authorizer that no method names any more answers nothing.
    assert {kind for kind in kinds if kind.startswith("AWS::ApiGateway::")} <= {"AWS::ApiGateway::Authorizer"}


def deployment(template: Template) -> str:
    (name,) = template.of_type("AWS::ApiGateway::Deployment")
    return name


def _variables(template: Template, api: Any) -> dict[str, Any]:
    """What resources/api-deployment.js asks for, given an API by its properties."""
    kinds = {name: resource["Type"] for name, resource in template.resources.items()}
    resources = {name: {"Type": kinds.get(name, GATEWAY_RESPONSE), "Properties": found} for name, found in api.items()}
    brought = {name: resources.pop(name) for name in BROUGHT}
    return {
        "file(resources/api.yml):Resources": resources,
        "file(slices/corrections/aws.yml):Resources, null": {name: brought.pop(name) for name in BROUGHT[:2]},
        "file(slices/receipts/aws.yml):Resources, null": brought,
        "sls:stage": "prod",
    }


def _ids(variables: list[dict[str, Any]]) -> list[str]:
    run = subprocess.run(
        ["node", "-e", SCRIPT],
        cwd=ROOT,
        env={"PATH": osls.search_path(os.environ)},
        input=json.dumps(variables),
        capture_output=True,
        text=True,
        check=True,
    )
    ids: list[str] = json.loads(run.stdout)
    return ids
