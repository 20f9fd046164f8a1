"""The price of an idle month in docs/deploy.md, compared with the compiled templates."""

import pytest

from tests.template.cloudwatch import ALARM
from tests.template.compiled import CompileStage
from tools.develop.docs import bills
from tools.kit.packaging import Template
from tools.operate.plan.costs import PRICES, total

HOURS = 730  # hours of a month, as AWS counts them
POLLS_PER_MONTH = 365 / 12 * 86_400 / 20  # requests of one poller in a month; each waits for 20 s
MAPPING = "BatidaPontoEventSourceMappingSQSQueue"


@pytest.mark.parametrize(
    ("stage", "parameters", "max_dollars"),
    [
        ("dev", {"database": "express"}, 0.70),
        ("dev", {}, 8.00),
        ("dev", {"dbLogin": "secret"}, 16.90),
        ("prod", {}, 21.00),
        ("prod", {"alarmTopicArn": "arn:aws:sns:us-east-1:123456789012:oncall"}, 20.00),
        ("prod", {"database": "existing", "dbHost": "db", "dbSslMode": "require"}, 6.10),
    ],
)
def test_price_of_an_idle_month_follows_from_the_template(
    compile_stage: CompileStage, stage: str, parameters: dict[str, str], max_dollars: float
) -> None:
    template = compile_stage(stage, *(f"{name}={value}" for name, value in parameters.items()))
    prices = {name: price.get("price", price.get("tiers", [[0, 0]])[0][1]) for name, price in PRICES.items()}

    expected = {
        "Network: endpoints": _count_endpoints(template) * HOURS * prices["vpc_endpoint"],
        "Secrets Manager": _count_secrets(template) * prices["secret"],
        "CloudWatch: alarms": _count_alarm_metrics(template) * prices["cloudwatch_alarm"],
        "CloudWatch: dashboard": len(template.by_type("AWS::CloudWatch::Dashboard")) * prices["cloudwatch_dashboard"],
        "KMS: the topic's key": len(template.by_type("AWS::KMS::Key")) * prices["kms_key"],
        "SQS: empty receives": _count_pollers(template) * POLLS_PER_MONTH / 1e6 * prices["sqs_requests"],
        "Aurora: storage": (parameters.get("database") != "existing") * prices["aurora_storage"],
    }

    lines = bills.idle(stage, parameters)
    costs = {what: dollars for what, dollars in expected.items() if dollars}
    assert {line.what: line.dollars for line in lines if line.dollars} == pytest.approx(costs)
    assert total(lines) <= max_dollars


def _count_endpoints(template: Template) -> int:
    """Return the number of billed endpoints: AWS bills each endpoint once for each zone."""
    return sum(len(endpoint["SubnetIds"]) for endpoint in template.by_type("AWS::EC2::VPCEndpoint").values())


def _count_secrets(template: Template) -> int:
    """Return the number of secrets: those in the template and those that RDS manages."""
    managed = [cluster.get("ManageMasterUserPassword") for cluster in template.by_type("AWS::RDS::DBCluster").values()]
    return len(template.by_type("AWS::SecretsManager::Secret")) + managed.count(True)


def _count_alarm_metrics(template: Template) -> int:
    """Return the number of billed alarm metrics: all except expressions."""
    alarms = template.by_type(ALARM).values()
    return sum("MetricStat" in query for alarm in alarms for query in alarm.get("Metrics", [{"MetricStat": {}}]))


def _count_pollers(template: Template) -> int:
    """Return the number of pollers on an empty queue: five, or the maximum concurrency if that is lower."""
    return min(5, int(template.properties(MAPPING)["ScalingConfig"]["MaximumConcurrency"]))
