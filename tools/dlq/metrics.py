"""What CloudWatch has of a deployment."""

from collections.abc import Mapping
from datetime import datetime

from tools.kit.target import Target

_PERIOD_SECONDS = 300  # of which CloudWatch keeps the figures for 63 days


def maximum(
    target: Target,
    metric: tuple[str, str],
    dimensions: Mapping[str, str],
    start: datetime,
    end: datetime,
) -> dict[datetime, float]:
    """Ask CloudWatch for a metric, which it reports minutes late.

    Args:
        target: the deployment.
        metric: its namespace and name.
        dimensions: of it; all that it has.
        start: the first period's begin.
        end: the last period's end.

    Returns:
        The greatest values, in five minutes each, by the begin of their period; those without data are absent.

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
        Period=_PERIOD_SECONDS,
        Statistics=["Maximum"],
    )
    return {point["Timestamp"]: point["Maximum"] for point in answer["Datapoints"]}


def of_queue(url: str) -> dict[str, str]:
    """Give the dimensions of a queue's metrics."""
    return {"QueueName": url.rpartition("/")[2]}


def of_drain(target: Target) -> dict[str, str]:
    """Give the dimensions of the metrics of the function that drains the queue."""
    return {"FunctionName": target.function}
