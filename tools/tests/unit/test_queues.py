"""Number of messages in a queue."""

import boto3

from tests.events import aws
from tools.kit.queue_reader import Depth, depth


def test_depth_counts_visible_in_flight_and_delayed_messages() -> None:
    with aws():
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="punches")["QueueUrl"]
        for seconds in (0, 0, 0, 60, 60, 60, 60):
            sqs.send_message(QueueUrl=url, MessageBody="{}", DelaySeconds=seconds)
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)
        queue_depth = depth(sqs, url)

    assert queue_depth == Depth(visible=1, in_flight=2, delayed=4)
    assert queue_depth.total == 7
