"""What CloudWatch has of a deployment."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from tools.kit.target import Target

PERIOD_SECONDS = 300

Statistic = Literal["Average", "Maximum", "Sum"]


def read(
    target: Target,
    metric: tuple[str, str],
    dimensions: Mapping[str, str],
    statistic: Statistic,
    start: datetime,
    end: datetime,
    period: int = PERIOD_SECONDS,
) -> dict[datetime, float]:
    """Ask CloudWatch for a metric, which it reports minutes late.

    Args:
        target: the deployment.
        metric: its namespace and name.
        dimensions: of it; all that it has.
        statistic: of each period.
        start: the first period's begin.
        end: the last period's end.
        period: s. It keeps 1,440 of them in an answer, those of a minute for 15 days, of five for 63.

    Returns:
        The values by the begin of their period; those without data are absent.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or refused.
    """
    namespace, name = metric
    answer = target.metrics().get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=start,
        EndTime=end,
        Period=period,
        Statistics=[statistic],
    )
    return {point["Timestamp"]: point[statistic] for point in answer["Datapoints"]}


def of_queue(url: str) -> dict[str, str]:
    """Give the dimensions of a queue's metrics."""
    return {"QueueName": url.rpartition("/")[2]}


def of_drain(target: Target) -> dict[str, str]:
    """Give the dimensions of the metrics of the function that drains the queue."""
    return {"FunctionName": target.function}
