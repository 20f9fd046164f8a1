"""The bucket of a stage to which files are uploaded."""

from typing import Any, NamedTuple

from tools.kit import target
from tools.kit.errors import CommandError
from tools.kit.osls import stack_outputs
from tools.kit.target import TargetOptions


class Bucket(NamedTuple):
    """The bucket of a stage, with an S3 client."""

    name: str
    s3: Any

    def url(self, key: str) -> str:
        """Return the `s3://` URL of an object or of a key prefix."""
        return f"s3://{self.name}/{key}"


def find_bucket(target_options: TargetOptions) -> Bucket:
    """Find the bucket in the outputs of the stage's stack.

    Raises:
        CommandError: the stage has no bucket for files, or does not exist.
        botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or rejected a request; see `target.explain`.
    """
    client = target.client_factory(target_options)
    outputs = stack_outputs(client("cloudformation"), target_options.stage)
    if "UploadBucketName" not in outputs:
        raise CommandError(
            f"stage {target_options.stage} has no bucket for files; set its parameter uploads to true and deploy"
        )
    return Bucket(outputs["UploadBucketName"], client("s3"))
