"""System to load: the running local stack, or a stage on AWS, found by the outputs of its stack."""

import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tools.kit import local_stack, queue_reader, reader, target
from tools.kit.errors import CommandError
from tools.kit.osls import stack_outputs
from tools.kit.target import TargetOptions
from tools.local import emulator
from tools.operate.deploy import proof

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


class TargetSystem(NamedTuple):
    """Running system."""

    api_url: str
    api_key: str
    queue_url: str
    dlq_url: str
    sqs: "SQSClient"
    reader: reader.Reader  # of its database
    description: str | None = None  # stage, account and region; None: the local stack, which is free

    def properties(self) -> dict[str, object]:
        """Return the test plans' properties with the gateway's address; the secret `apiKey` is not among them."""
        url = urllib.parse.urlsplit(self.api_url)
        return {
            "protocol": url.scheme,
            "host": url.hostname,
            "port": url.port or {"http": 80, "https": 443}[url.scheme],
            "path": url.path,
        }

    def depth(self, queue_url: str) -> int:
        """Return the number of messages in a queue, those in flight included.

        Raises:
            CommandError: SQS cannot be reached, or refused the call.
        """
        try:
            return queue_reader.depth(self.sqs, queue_url).total
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"the queue cannot be read: {target.explain(error)}") from None


def find_system(stage: str | None, target_options: TargetOptions) -> TargetSystem:
    """Return the system to load.

    Args:
        stage: stage on AWS; None, or `local` without an emulator in AWS_ENDPOINT_URL: the local stack.
        target_options: state folder of the local stack, or account and region of the stage.

    Raises:
        CommandError: no local stack is running, the stage does not exist, or it requires sign-in.
        botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or refused the call.
    """
    if stage is None or (stage == target.LOCAL and not target.emulator_url()):
        return _local(target_options.state or local_stack.STATE)
    return _deployed(target_options._replace(stage=stage))


def _local(state: Path) -> TargetSystem:
    address = local_stack.find(state)
    emulator.isolate()
    return TargetSystem(
        address.api_url,
        address.api_key,
        address.queue_url,
        address.dlq_url,
        address.client("sqs"),
        reader.create_reader(TargetOptions(state=state)),
    )


def _deployed(target_options: TargetOptions) -> TargetSystem:
    account = target.announce(target_options)
    outputs = stack_outputs(account.session.client("cloudformation"), target_options.stage)
    stage = target.from_outputs(account.session, target_options.stage, outputs)
    if (authorization_type := proof.punch_authorization_type(stage)) != "NONE":
        raise CommandError(
            f"stage {target_options.stage} requires sign-in (authorizationType "
            f"{authorization_type}), which JMeter cannot do: load a stage without it"
        )
    return TargetSystem(
        stage.api_url,
        stage.gateway().get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"],
        stage.queue_url,
        stage.dlq_url,
        stage.sqs(),
        reader.Reader(stage.functions(), f"{stage.stack}-read", stage.stage, target.TIMEOUT_SECONDS),
        description=f"stage {target_options.stage} of {account.description}",
    )
