"""Settings that docs/questions.md says this project has, compared with the compiled template."""

import json
import re

from tools.kit.packaging import Template
from tools.kit.project import ROOT


def test_settings_in_the_answers_are_those_of_the_template(prod: Template) -> None:
    answers = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
    settings = re.findall(r"`([A-Z]\w+): (\w+)`", answers)
    compiled = re.sub(r'"', "", json.dumps(prod.document))

    assert {"VisibilityTimeout", "Timeout", "BatchSize", "MaximumConcurrency", "MetricName"} <= dict(settings).keys()
    assert [name for name, value in settings if not re.search(rf"\b{name}: {value}\b", compiled)] == []


def test_page_answers_the_questions_that_people_ask_elsewhere() -> None:
    answers = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
    headings = " ".join(re.findall(r"^### (.*)$", answers, re.MULTILINE))
    issues = {
        "hashicorp/terraform-provider-aws/issues/18099",
        "aws/serverless-application-model/issues/3445",
        "aws/aws-cdk/issues/14826",
        "aws/aws-cdk/issues/24180",
        "aws-powertools/powertools-lambda/issues/32",
        "brianc/node-postgres/issues/2243",
        "psycopg/psycopg2/issues/592",
        "serverless/serverless/issues/4681",
    }
    subjects = {"NumberOfMessagesSent", "Managed Instances", "tenants", "DSQL", "paused Aurora"}

    assert {issue for issue in issues if f"https://github.com/{issue})" not in answers} == set()
    assert {subject for subject in subjects if subject not in headings} == set()
