"""The bucket of a stage that takes files."""

from typing import Any, NamedTuple

from tools.kit import target
from tools.kit.errors import CommandError
from tools.kit.osls import stack_outputs


class Bucket(NamedTuple):
    """Where a stage's files are."""

    name: str
    s3: Any  # a client

    def url(self, key: str) -> str:
        """Name an object, or what the keys of several begin with, for people."""
        return f"s3://{self.name}/{key}"


def find_bucket(target_options: target.TargetOptions) -> Bucket:
    """Find the bucket.

    Raises:
        CommandError: the stage takes no files, or there is no such stage.
        botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or refused; see `target.explain`.
    """
    client = target.client_factory(target_options)
    outputs = stack_outputs(client("cloudformation"), target_options.stage)
    if "UploadBucketName" not in outputs:
        raise CommandError(
            f"stage {target_options.stage} takes no files: its parameter uploads is false; deploy it with true"
        )
    return Bucket(outputs["UploadBucketName"], client("s3"))
