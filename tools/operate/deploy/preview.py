"""`ponto deploy --preview`: what a deploy would change, cost, and be refused for. Nothing is deployed.

CloudFormation compares the compiled template with a deployed stage. Of a new stage the preview lists the resources.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.kit import osls, target
from tools.kit.collaborators import Collaborators
from tools.kit.errors import CommandError
from tools.kit.osls import stack_name
from tools.kit.output import print_json, print_result, print_status
from tools.kit.target import TargetOptions
from tools.operate.deploy import change_set, checks, express
from tools.operate.deploy.compiled_stage import add_deployed_database, code_sha256, read_compiled_stage, read_template
from tools.operate.plan import costs
from tools.operate.plan import settings as plan_settings

if TYPE_CHECKING:
    import boto3

DATA = {
    "AWS::ApiGateway::ApiKey": "clients have its value",
    "AWS::ApiGateway::RestApi": "clients have its address, and the keys of `ponto keys` are for it",
    "AWS::Cognito::UserPool": "it has accounts of people who sign in",
    "AWS::KMS::Key": "what it encrypted cannot be read without it",
    "AWS::Logs::LogGroup": "it has the log",
    "AWS::RDS::DBCluster": "it has all punches",
    "AWS::S3::Bucket": "it has files",
    "AWS::SQS::Queue": "it may have punches that are not stored yet, or dead letters",
    "AWS::SecretsManager::Secret": "it has a password of the database",
}
"""What gets lost if a resource is replaced or deleted, by its type. Other types hold nothing."""

_PREVIEW_VARIABLE = "PONTO_PREVIEW"  # resources/lib/aws.js: look up what exists in the account, as in a deploy

Document = Mapping[str, Any]
"""Result of a preview, as --json prints it."""


def run(
    collaborators: Collaborators, target_options: TargetOptions, params: Sequence[str], *, force: bool, as_json: bool
) -> int:
    """Print what a deploy would do, and return the exit status: 0, or 2 if the deploy would be refused."""
    preview = _preview(collaborators, target_options, params, force=force)
    if as_json:
        print_json(preview)
    else:
        print_result(*_to_lines(preview))
    validation = preview["validation"]
    return 2 if preview["refusals"] or (validation and not validation["isAccepted"]) else 0


def _preview(
    collaborators: Collaborators, target_options: TargetOptions, params: Sequence[str], *, force: bool
) -> Document:
    stage = target_options.stage
    session, account, _ = target.announce(target_options)
    cloudformation = session.client("cloudformation")
    database = checks.require_deployable(cloudformation, stage)
    params = add_deployed_database(stage, params, database)
    with tempfile.TemporaryDirectory(prefix="ponto-") as temporary:
        package = Path(temporary) / "package"
        _package(collaborators, session, stage, params, package)
        compiled = read_compiled_stage(package, collaborators.deploy_hooks())
        results = checks.check(session, target_options, params, compiled, database, force=force)
        outside_stack = list[str]()
        if settings := compiled.express_settings:
            describe = partial(express.describe_changes, session, stage, settings)
            outside_stack = results.look_up("changes of the express cluster", describe) or []
        template = read_template(package)
        comparison = None
        if deployed := osls.find_stack(cloudformation, stage):
            deployed_template = cloudformation.get_template(StackName=stack_name(stage))["TemplateBody"]
            _keep_unchanged_code(session, template, deployed_template, package)
            text = json.dumps(template, separators=(",", ":"))
            state = json.loads((package / "serverless-state.json").read_text(encoding="utf-8"))
            tags = state["service"]["provider"]["stackTags"]
            comparison = change_set.compare(session, account, deployed, text, tags, compiled.deployment_role)
            changes = [_to_change(change) for change in comparison.changes]
        else:
            changes = [
                _to_change({"Action": "Add", "LogicalResourceId": name, "ResourceType": resource["Type"]})
                for name, resource in template["Resources"].items()
            ]
    return {
        "stage": stage,
        "account": account,
        "region": session.region_name,
        "stack": stack_name(stage),
        "isNew": comparison is None,
        "changes": changes,
        "outsideStack": outside_stack,
        "twoUpdates": [deferred.reason for deferred in results.deferred_resources],
        "idleMonth": _idle_month(stage, params),
        "notes": results.notes,
        "checked": results.checked,
        "unchecked": results.unchecked,
        "forced": results.forced,
        "refusals": results.refusals,
        "remedy": results.remedy,
        "validation": comparison
        and {
            "isAccepted": comparison.is_accepted,
            "status": comparison.status,
            "reason": comparison.reason,
            "failures": comparison.failures,
        },
    }


def _package(
    collaborators: Collaborators, session: "boto3.Session", stage: str, params: Sequence[str], package: Path
) -> None:
    print_status("sls package")
    options = ["--stage", stage, "--region", session.region_name, "--package", str(package)]
    options += [f"--param={param}" for param in params]
    environment = osls.create_environment(session, stage) | {_PREVIEW_VARIABLE: "true"}
    if collaborators.run_sls("package", options, environment):
        raise CommandError("sls package failed, see its output above; a deploy would fail, too")


def _keep_unchanged_code(session: "boto3.Session", template: Any, deployed_template: Any, package: Path) -> None:
    """Set the deployed key in S3 of each function whose code is unchanged; osls sets a new one at each packaging.

    Otherwise a change set lists all functions and what refers to them.
    """
    functions = session.client("lambda", config=target.config())
    deployed_resources = deployed_template.get("Resources", {})
    for logical_id, resource in template["Resources"].items():
        deployed = deployed_resources.get(logical_id, {})
        if not resource["Type"] == deployed.get("Type") == "AWS::Lambda::Function":
            continue
        try:
            configuration = functions.get_function_configuration(FunctionName=resource["Properties"]["FunctionName"])
        except functions.exceptions.ResourceNotFoundException:
            continue
        if configuration["CodeSha256"] == code_sha256(package, resource):
            resource["Properties"]["Code"]["S3Key"] = deployed["Properties"]["Code"]["S3Key"]


def _to_change(change: Any) -> Document:
    """Return a change of a resource, given the ResourceChange of DescribeChangeSet, in CloudFormation's words.

    `data` is what a replaced or deleted resource holds, with CloudFormation's PolicyAction.
    """
    replacement = "True" if change["Action"] == "Remove" else change.get("Replacement", "False")
    data = DATA.get(change["ResourceType"]) if replacement != "False" else None
    if data and (fate := change.get("PolicyAction")):
        data += f" ({fate})"
    targets = (detail.get("Target", {}) for detail in change.get("Details", []))
    return {
        "action": change["Action"],
        "logicalId": change["LogicalResourceId"],
        "type": change["ResourceType"],
        "replacement": change.get("Replacement"),
        "properties": sorted({target.get("Name") or target["Attribute"] for target in targets if target}),
        "data": data,
    }


def _idle_month(stage: str, params: Sequence[str]) -> Document:
    """Return the bill of a month without punches, without the resources of slices."""
    values = dict(param.split("=", 1) for param in params)
    lines = costs.idle_bill(plan_settings.read(stage, values, may_be_unlisted=True))
    return costs.to_json([line for line in lines if line.quantity]) | {"pricesOf": costs.REGION}


def _to_lines(preview: Document) -> Iterator[str]:
    """Yield the lines of the output without --json: first what endangers data."""
    yield "preview    {stage}, account {account}, region {region}: {stack} would be {}; nothing was deployed".format(
        "created" if preview["isNew"] else "updated", **preview
    )
    for change in preview["changes"]:
        if change["data"]:
            word = "deleted" if change["action"] == "Remove" else "replaced"
            may = "may be" if change["replacement"] == "Conditional" else "is"
            yield f"HOLDS DATA {change['logicalId']} ({change['type']}) {may} {word}: {change['data']}"
    added = [change for change in preview["changes"] if change["action"] == "Add"]
    for kind in dict.fromkeys(change["type"] for change in added):
        yield f"add        {kind}: {', '.join(change['logicalId'] for change in added if change['type'] == kind)}"
    for change in preview["changes"]:
        if change["action"] != "Add":
            properties = f": {', '.join(change['properties'])}" if change["properties"] else ""
            replaced = f"; replacement: {change['replacement']}" if change["replacement"] not in (None, "False") else ""
            yield f"{change['action'].lower():<10} {change['logicalId']} ({change['type']}){properties}{replaced}"
    yield from _labelled("outside", (f"the stack: {line}" for line in preview["outsideStack"]))
    yield from _labelled("updates", (f"two: {reason}" for reason in preview["twoUpdates"]))
    month = preview["idleMonth"]
    amounts = ", ".join(f"{line['what']} {line['dollars']:,.2f}" for line in month["lines"])
    prices = f"by list prices of {month['pricesOf']}, without slices"
    yield f"idle month {month['dollars']:,.2f} US dollars, {prices}: {amounts}"
    yield from _labelled("note", preview["notes"])
    yield f"checked    {', '.join(preview['checked'])}"
    yield from _labelled("unchecked", preview["unchecked"])
    yield from _labelled("forced", preview["forced"])
    yield from _labelled("refused", preview["refusals"])
    yield from _labelled("remedy", [preview["remedy"]] if preview["remedy"] else [])
    if validation := preview["validation"]:
        word = "accepted" if validation["isAccepted"] else "refused"
        yield f"{word:<10} by CloudFormation ({validation['status']}): {validation['reason']}".removesuffix(": ")
        yield from (f"           {failure}" for failure in validation["failures"])


def _labelled(label: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield the lines of texts: the first line of each has the label, and the others are indented."""
    for text in texts:
        yield from f"{label:<10} {text}".replace("\n", f"\n{'':11}").splitlines()
