"""Rules for the function of any slice that signs in to the database."""

import json

from tests.template.compiled import CompileStage
from tests.template.test_rights import connect_permission, permissions
from tools.kit.packaging import Template


def require_function_role(compile_stage: CompileStage, prod: Template, local: Template, name: str, user: str) -> None:
    """Assert that a function has a role and a login of its own, and with passwords a secret of its own.

    Args:
        compiled: gives other templates than these two.
        prod: where it signs in by IAM.
        local: where it needs neither.
        name: with which the names of the function's resources begin.
        user: its role of the database.
    """

    def found(template: Template) -> object:
        return {each: what for each, what in permissions(template).items() if each.startswith(name)}

    writes_its_log = {(f"logs:{action}", f"{name}LogGroup.Arn") for action in ("CreateLogStream", "PutLogEvents")}
    invoked = {f"{name}Invocation": {("lambda:InvokeFunction", f"{name}LambdaFunction.Arn")}}
    assert found(prod) == invoked | {f"{name}Role": {connect_permission(user), *writes_its_log}}
    function = prod.properties(f"{name}LambdaFunction")
    assert function["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    assert function["ReservedConcurrentExecutions"] == 2
    role = prod.properties(f"{name}Role")
    assert role["ManagedPolicyArns"] == [{"Ref": "NetworkInterfacesPolicy"}]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}

    # With passwords it has a secret of its own.
    by_passwords = compile_stage("prod", "dbLogin=secret")
    reads_its_secret = {f"{name}SecretPolicy": {("secretsmanager:GetSecretValue", f"{name}Secret")}}
    assert found(by_passwords) == invoked | {f"{name}Role": writes_its_log} | reads_its_secret
    policies = by_passwords.properties(f"{name}Role")["ManagedPolicyArns"]
    assert policies == [{"Ref": f"{name}SecretPolicy"}, {"Ref": "NetworkInterfacesPolicy"}]
    for template, secret in ((prod, None), (by_passwords, {"Ref": f"{name}Secret"}), (local, "")):
        variables = template.properties(f"{name}LambdaFunction")["Environment"]["Variables"]
        assert (variables["DB_USER"], variables.get("DB_SECRET_ARN")) == (user, secret)
        schema = template.properties("SchemaLambdaFunction")["Environment"]["Variables"]
        assert (schema.get(f"{name.upper()}_SECRET_ARN"), schema[f"{name.upper()}_CONCURRENCY"]) == (secret, "2")
    made = by_passwords.properties(f"{name}Secret")["GenerateSecretString"]["SecretStringTemplate"]
    assert json.loads(made) == {"username": user}
    readable = by_passwords.properties("SecretsManagerEndpoint")["PolicyDocument"]["Statement"][0]["Resource"]
    assert {"Ref": f"{name}Secret"} in readable
