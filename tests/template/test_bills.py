"""The price of an idle month, as docs/deploy.md has it, counted in the compiled templates."""

import pytest

from tests.template.cloudwatch import ALARM
from tests.template.compiled import CompileStage
from tools.develop.docs import bills
from tools.kit.packaging import Template
from tools.plan import settings
from tools.plan.costs import PRICES, rotation, total

HOURS = 730  # of a month, as AWS counts
POLLS_PER_MONTH = 365 / 12 * 86_400 / 20  # requests of a poller, each of which waits for 20 s
MAPPING = "BatidaPontoEventSourceMappingSQSPunchQueue"


@pytest.mark.parametrize(
    ("stage", "given", "most"),
    [
        ("dev", {"database": "express"}, 0.70),
        ("dev", {}, 8.00),
        ("dev", {"dbLogin": "secret"}, 16.90),
        ("prod", {}, 21.00),
    ],
)
def test_an_idle_month_is_what_the_template_has_times_the_prices(
    compile_stage: CompileStage, stage: str, given: dict[str, str], most: float
) -> None:
    template = compile_stage(stage, *(f"{name}={value}" for name, value in given.items()))
    prices = {
        name: found.get("price", found.get("tiers", [[0, 0]])[0][1]) for name, found in PRICES["us-east-1"].items()
    }

    expected = {
        "Network: endpoints": _endpoints(template) * HOURS * prices["vpc_endpoint"],
        "Secrets Manager": _secrets(template) * prices["secret"],
        "CloudWatch: alarms": _watched(template) * prices["cloudwatch_alarm"],
        "CloudWatch: dashboard": len(template.by_type("AWS::CloudWatch::Dashboard")) * prices["cloudwatch_dashboard"],
        "KMS: the topic's key": len(template.by_type("AWS::KMS::Key")) * prices["kms_key"],
        "SQS: ask in vain": _pollers(template) * POLLS_PER_MONTH / 1e6 * prices["sqs_requests"],
        "Aurora: storage": 1 * prices["aurora_storage"],
    }

    lines = bills.idle(stage, given)
    assert {line.what: line.dollars for line in lines if line.what in expected} == pytest.approx(expected)
    assert total(lines) == pytest.approx(sum(expected.values()))  # and nothing else
    rotated = [key["EnableKeyRotation"] for key in template.by_type("AWS::KMS::Key").values()].count(True)
    assert rotation(settings.read(stage), "us-east-1") == rotated * prices["kms_key"]
    assert total(lines) <= most


def _endpoints(template: Template) -> int:
    """Each in each of its zones."""
    return sum(len(each["SubnetIds"]) for each in template.by_type("AWS::EC2::VPCEndpoint").values())


def _secrets(template: Template) -> int:
    """Ours, and RDS's."""
    managed = [each.get("ManageMasterUserPassword") for each in template.by_type("AWS::RDS::DBCluster").values()]
    return len(template.by_type("AWS::SecretsManager::Secret")) + managed.count(True)


def _watched(template: Template) -> int:
    """Metrics that alarms look at; in an alarm on an expression, not the expression."""
    alarms = template.by_type(ALARM).values()
    return sum("MetricStat" in query for alarm in alarms for query in alarm.get("Metrics", [{"MetricStat": {}}]))


def _pollers(template: Template) -> int:
    """That ask an empty queue: five, or as few as may."""
    return min(5, int(template.properties(MAPPING)["ScalingConfig"]["MaximumConcurrency"]))
