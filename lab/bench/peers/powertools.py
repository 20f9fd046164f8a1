"""Batch processor of AWS Powertools, used as its documentation shows: one call and one INSERT per record.

`main` commits each record. In a common transaction, a failing record would roll back earlier records, which the
processor has already reported as stored. `main_in_one_transaction` accepts that, to measure the cost of the commits.
"""

import json
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from lab.bench.peers import connection

_INSERT = """
insert into ponto.batida (id, usuario_id, ponto, offline, recebida_em, mensagem_id)
values (%(id)s, %(usuarioId)s, %(ponto)s, %(offline)s, to_timestamp(%(received_ms)s / 1000.0), %(message_id)s)
on conflict (id) do nothing
"""

_processor = BatchProcessor(event_type=EventType.SQS)


def main(event: Any, context: Any) -> PartialItemFailureResponse:
    """Store a batch with a transaction for each record."""
    return process_partial_response(event=event, record_handler=_store, processor=_processor, context=context)


def main_in_one_transaction(event: Any, context: Any) -> PartialItemFailureResponse:
    """Store a batch in one transaction, which is unsafe."""
    with connection().cursor() as cursor:
        cursor.execute("begin")
        answer = main(event, context)
        cursor.execute("commit")
    return answer


def _store(record: SQSRecord) -> None:
    punch = json.loads(record.body)
    with connection().cursor() as cursor:
        cursor.execute(
            _INSERT,
            {**punch, "received_ms": int(record.attributes.sent_timestamp), "message_id": record.message_id},
        )
