"""Assertions on a slice's function that connects to the database."""

import json

from tests.template.compiled import CompileStage
from tests.template.test_permissions import NETWORK_INTERFACES, connect_permission, extract_permissions, writes_log
from tools.kit.packaging import Template


def require_function_role(compile_stage: CompileStage, prod: Template, local: Template, name: str, user: str) -> None:
    """Assert that a function has a separate IAM role and database login, and with passwords a separate secret.

    Args:
        compile_stage: Function that compiles other templates.
        prod: Template of prod, in which the function logs in with IAM.
        local: Template of local, in which the function needs no permission and no secret.
        name: Prefix of the names of the function's resources.
        user: Database role of the function.
    """

    def resource_permissions(template: Template) -> object:
        return {
            resource: granted
            for resource, granted in extract_permissions(template).items()
            if resource.startswith(name)
        }

    common = writes_log(name) | NETWORK_INTERFACES
    assert resource_permissions(prod) == {f"{name}Role": {connect_permission(user), *common}}
    assert ("lambda:InvokeFunction", f"{name}LambdaFunction.Arn") in extract_permissions(prod)["ApiRole"]
    function = prod.properties(f"{name}LambdaFunction")
    assert function["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    assert function["ReservedConcurrentExecutions"] == 2
    role = prod.properties(f"{name}Role")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}

    # With passwords, the function has a separate secret.
    prod_with_passwords = compile_stage("prod", "dbLogin=secret")
    reads_its_secret = ("secretsmanager:GetSecretValue", f"{name}Secret")
    assert resource_permissions(prod_with_passwords) == {f"{name}Role": {reads_its_secret, *common}}
    for template, secret in ((prod, None), (prod_with_passwords, {"Ref": f"{name}Secret"}), (local, "")):
        variables = template.properties(f"{name}LambdaFunction")["Environment"]["Variables"]
        assert (variables["DB_USER"], variables.get("DB_SECRET_ARN")) == (user, secret)
        schema = template.properties("SchemaLambdaFunction")["Environment"]["Variables"]
        assert (schema.get(f"{name.upper()}_SECRET_ARN"), schema[f"{name.upper()}_CONCURRENCY"]) == (secret, "2")
    secret_string = prod_with_passwords.properties(f"{name}Secret")["GenerateSecretString"]["SecretStringTemplate"]
    assert json.loads(secret_string) == {"username": user}
    readable = prod_with_passwords.properties("SecretsManagerEndpoint")["PolicyDocument"]["Statement"][0]["Resource"]
    assert {"Ref": f"{name}Secret"} in readable
