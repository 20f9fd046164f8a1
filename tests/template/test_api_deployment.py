"""The Deployment is a snapshot: a change of the API reaches nobody without a new one, that is, a new logical id."""

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.template.compiled import CompileStage
from tools.kit import osls
from tools.kit.packaging import Template

PUBLISHED = re.compile("::(RestApi|Resource|Method|Model|RequestValidator|GatewayResponse|Authorizer)$")

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
    "a field's description": lambda api: next(iter(api["PunchModel"]["Schema"]["properties"].values())).update(
        description="When."
    ),
    "whether a key is asked for": lambda api: api["PostPunch"].update(ApiKeyRequired=False),
    "an answer": lambda api: api["ServerError"]["ResponseTemplates"].update({"application/json": "{}"}),
    "another answer": lambda api: api.update(Throttled={"ResponseType": "THROTTLED"}),
    "the preflight": lambda api: api.pop("PunchPreflight"),
    "validation": lambda api: api["BodyValidator"].update(ValidateRequestBody=False),
    "the path": lambda api: api["PunchResource"].update(PathPart="punch"),
}
UNPUBLISHED = {"nothing", "a key's limits", "a key's plan"}


def test_takes_in_all_that_is_published_before_the_stage_shows_it(prod: Template, prod_with_slices: Template) -> None:
    for template in (prod, prod_with_slices):
        name = deployment(template)
        assert template.properties(name) == {"RestApiId": {"Ref": "Api"}}
        assert {"Api", *template.resources[name]["DependsOn"]} == published(template)
        assert template.properties("ApiStage")["DeploymentId"] == {"Ref": name}


def test_throttling_and_the_function_publish_nothing_and_another_origin_does(
    compile_stage: CompileStage, dev: Template
) -> None:
    changed = compile_stage("dev", "timeout=30", "stageRateLimit=5", "keyRateLimit=5")
    assert deployment(changed) == deployment(dev)
    assert changed.properties("ApiStage")["MethodSettings"][0]["ThrottlingRateLimit"] == 5
    assert deployment(compile_stage("dev", "corsOrigin=https://app.example.org")) != deployment(dev)


def test_a_new_deployment_is_made_for_a_change_of_what_is_published_and_for_no_other(
    prod: Template, bare_project: Path
) -> None:
    names = [*(name for name in prod.resources if name in published(prod)), "ApiKey", "UsagePlan", "UsagePlanKey"]
    kinds = {name: prod.resources[name]["Type"] for name in names} | {"Throttled": "AWS::ApiGateway::GatewayResponse"}
    variables = []  # that resources/api-deployment.js asks for
    for change in CHANGES.values():
        api = copy.deepcopy({name: prod.properties(name) for name in names})
        change(api)
        resources = {name: {"Type": kinds[name], "Properties": properties} for name, properties in api.items()}
        variables.append({"file(resources/api.yml):Resources": resources, "sls:stage": "prod"})
    run = subprocess.run(
        ["node", "-e", SCRIPT],
        cwd=bare_project,
        env={"PATH": osls.search_path(os.environ)},
        input=json.dumps(variables),
        capture_output=True,
        text=True,
        check=True,
    )
    made = dict(zip(CHANGES, json.loads(run.stdout), strict=True))
    assert {what for what, name in made.items() if name == deployment(prod)} == UNPUBLISHED


def published(template: Template) -> set[str]:
    return {name for name, resource in template.resources.items() if PUBLISHED.search(resource["Type"])}


def deployment(template: Template) -> str:
    (name,) = template.by_type("AWS::ApiGateway::Deployment")
    return name
