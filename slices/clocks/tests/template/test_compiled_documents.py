"""Resources of the slice `clocks`: the import function may read the table of documents."""

import json

from slices.clocks import document_table
from tests.template.compiled import Compile, Packaged, files_of
from tests.template.test_rights import rights
from tools.kit.packaging import Template


def test_only_the_import_function_may_read_the_table(complete: Template) -> None:
    added = ("s3:GetObject", json.dumps({"Fn::Sub": f"${{UploadBucket.Arn}}/{document_table.TABLE_KEY}"}))
    assert {name: found for name, found in rights(complete).items() if added in found} == {"DocumentsPolicy": {added}}
    assert complete.properties("DocumentsPolicy")["Roles"] == [{"Ref": "ImportacaoRole"}]


def test_table_does_not_expire(complete: Template) -> None:
    *expiring, _ = complete.properties("UploadBucket")["LifecycleConfiguration"]["Rules"]
    assert not document_table.TABLE_KEY.startswith(tuple(rule["Prefix"] for rule in expiring))


def test_no_policy_without_uploads(compiled: Compile) -> None:
    assert "DocumentsPolicy" not in compiled("prod").resources


def test_zip_has_the_files_that_the_import_function_loads(packaged: Packaged) -> None:
    assert files_of(packaged("prod"), "clocks") == {
        f"{name}.py" for name in ("__init__", "slice", "file_format", "afd", "document_table")
    }
