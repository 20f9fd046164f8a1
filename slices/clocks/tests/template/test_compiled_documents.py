"""Resources of the slice `clocks`: the import function may read the table of documents."""

import json

from slices.clocks import document_table
from tests.template.test_permissions import extract_permissions
from tools.kit.packaging import Template


def test_only_the_import_function_may_read_the_table(prod_with_slices: Template) -> None:
    added = ("s3:GetObject", json.dumps({"Fn::Sub": f"${{UploadBucket.Arn}}/{document_table.TABLE_KEY}"}))
    assert {name: granted for name, granted in extract_permissions(prod_with_slices).items() if added in granted} == {
        "DocumentsPolicy": {added}
    }
    assert prod_with_slices.properties("DocumentsPolicy")["Roles"] == [{"Ref": "ImportacaoRole"}]


def test_table_does_not_expire(prod_with_slices: Template) -> None:
    *expiring, _ = prod_with_slices.properties("UploadBucket")["LifecycleConfiguration"]["Rules"]
    assert not document_table.TABLE_KEY.startswith(tuple(rule["Prefix"] for rule in expiring))
