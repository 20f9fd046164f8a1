"""The command `ponto load documents`."""

from typing import BinaryIO

import click

from slices.clocks import document_table
from slices.faults import require_no_faults
from slices.imports.bucket import find_bucket
from tools.kit import commands, shared_options, target
from tools.kit.errors import CommandError
from tools.kit.output import pluralize, print_json, print_result
from tools.kit.target import TargetOptions

_EPILOG = """examples:
  ponto load documents documents.csv
  ponto load documents documents.csv --stage dev

exit status: 0 done, 2 the file or the stage is wrong: nothing was stored
"""


@commands.command("documents", epilog=_EPILOG)
@click.argument("file", type=click.File("rb"))
@shared_options.as_json
@target.options
def load_documents(file: BinaryIO, target_options: TargetOptions, *, as_json: bool) -> None:
    """Load a table that maps CPF or PIS numbers to employees.

    FILE (- for standard input) is CSV in UTF-8, separated by ; or , with these columns in its first line:

    \b
      documento    CPF or PIS, exactly 11 digits
      usuarioId    the employee's number

    An employee may have several documents. The file is stored as documents/documents.csv in the stage's bucket, where
    it replaces the previous one (slices/clocks/README.md). If it has any fault, nothing is stored.
    """
    content = file.read()
    if len(content) > document_table.MAX_TABLE_BYTES:
        raise CommandError(f"{file.name} is larger than {document_table.MAX_TABLE_BYTES} bytes; nothing was stored")
    employee_ids, faults = document_table.parse_table(content)
    require_no_faults(faults, file.name, as_json=as_json)
    bucket = find_bucket(target_options)
    bucket.s3.put_object(Bucket=bucket.name, Key=document_table.TABLE_KEY, Body=content)
    counts = {"documents": len(employee_ids), "employees": len(set(employee_ids.values()))}
    if as_json:
        print_json(counts)
    else:
        print_result(
            f"{pluralize(counts['documents'], 'document')} of {pluralize(counts['employees'], 'employee')} stored as "
            f"{bucket.url(document_table.TABLE_KEY)}"
        )
