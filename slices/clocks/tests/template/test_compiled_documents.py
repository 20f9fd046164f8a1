"""Resources of the slice `clocks`: the import function may read the table of documents."""

import json

from slices.clocks import document_table
from tests.template.compiled import Compile, Packaged, files_of
from tests.template.test_rights import rights
from tools.kit.packaging import Template


def test_the_function_of_imports_and_no_other_reads_the_table(complete: Template) -> None:
    added = ("s3:GetObject", json.dumps({"Fn::Sub": f"${{UploadBucket.Arn}}/{document_table.TABLE_KEY}"}))
    assert {name: found for name, found in rights(complete).items() if added in found} == {"DocumentsPolicy": {added}}
    assert complete.properties("DocumentsPolicy")["Roles"] == [{"Ref": "ImportacaoRole"}]


def test_the_table_stays_where_files_expire(complete: Template) -> None:
    *expiring, _ = complete.properties("UploadBucket")["LifecycleConfiguration"]["Rules"]
    assert not document_table.TABLE_KEY.startswith(tuple(rule["Prefix"] for rule in expiring))


def test_without_uploads_there_is_none(compiled: Compile) -> None:
    assert "DocumentsPolicy" not in compiled("prod").resources


def test_the_zip_holds_what_the_function_of_imports_loads(packaged: Packaged) -> None:
    assert files_of(packaged("prod"), "clocks") == {
        f"{name}.py" for name in ("__init__", "slice", "file_format", "afd", "document_table")
    }
