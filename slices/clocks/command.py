"""`ponto load documents`: whose a CPF or PIS is."""

from typing import BinaryIO

import click

from slices.clocks import document_table
from slices.imports.bucket import find_bucket
from tools.kit import commands, loading, target
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import pluralize, print_json, print_result

_EPILOG = """examples:
  ponto load documents documents.csv
  ponto load documents documents.csv --stage dev

exit status: 0 done, 2 the file or the stage is wrong: nothing was stored
"""


@commands.command("documents", epilog=_EPILOG)
@click.argument("file", type=click.File("rb"))
@opt.as_json
@target.options
def load_documents(file: BinaryIO, target_options: target.TargetOptions, *, as_json: bool) -> None:
    """Say whose a CPF or PIS is, for files of hardware clocks.

    FILE (- reads the standard input) is CSV in UTF-8, with ; or , between. Its first line names both columns:

    \b
      documento    CPF or PIS, 11 digits and nothing else
      usuarioId    the employee's number

    An employee may have several documents. The file replaces the one before, as documents/documents.csv in the stage's
    bucket of files (slices/clocks/README.md), or, if anything is wrong in it, nothing is stored.
    """
    content = file.read()
    if len(content) > document_table.MAX_TABLE_BYTES:
        raise CommandError(f"{file.name} is larger than {document_table.MAX_TABLE_BYTES} bytes; nothing was stored")
    found, faults = document_table.parse_table(content)
    loading.require_no_faults(faults, file.name, as_json=as_json)
    bucket = find_bucket(target_options)
    bucket.s3.put_object(Bucket=bucket.name, Key=document_table.TABLE_KEY, Body=content)
    counts = {"documents": len(found), "employees": len(set(found.values()))}
    if as_json:
        print_json(counts)
    else:
        print_result(
            f"{pluralize(counts['documents'], 'document')} of {pluralize(counts['employees'], 'employee')} are now "
            f"{bucket.url(document_table.TABLE_KEY)}"
        )
