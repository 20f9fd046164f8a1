"""How corrections are taken: signed, by a function of their own."""

from tests.template.compiled import Compile
from tools.kit.packaging import Template


def test_a_correction_is_signed_and_handed_to_a_function_of_its_own(template: Template, signed_in: Template) -> None:
    for each in (template, signed_in):
        method = each.properties("PostCorrection")
        assert (method["HttpMethod"], method["ResourceId"]) == ("POST", {"Ref": "CorrectionResource"})
        assert method["AuthorizationType"] == "AWS_IAM"
        assert "ApiKeyRequired" not in method
        assert each.properties("CorrectionResource") == {
            "RestApiId": {"Ref": "Api"},
            "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
            "PathPart": "correcao",
        }
        integration = method["Integration"]
        assert (integration["Type"], integration["Credentials"]) == ("AWS_PROXY", {"Fn::GetAtt": ["ApiRole", "Arn"]})
        assert integration["Uri"]["Fn::Sub"].endswith("functions/${CorrectionLambdaFunction.Arn}/invocations")
        assert "Policy" not in each.properties("Api")  # whoever signs is of this account, and IAM says who may


def test_only_one_machine_knows_an_author_that_aws_does_not_name(compiled: Compile) -> None:
    authors = {
        stage: compiled(stage).properties("CorrectionLambdaFunction")["Environment"]["Variables"]["AUTHOR"]
        for stage in ("prod", "dev", "local", "locally")
    }
    assert authors == {"prod": "", "dev": "", "local": "local", "locally": ""}


def test_a_request_with_corrections_is_answered_before_the_gateway_gives_up(prod: Template) -> None:
    assert prod.properties("CorrectionLambdaFunction")["Timeout"] < 29
