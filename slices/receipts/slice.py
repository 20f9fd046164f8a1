"""The receipts slice, which adds nothing to the commands and to the functions of the reference."""

from collections.abc import Mapping
from pathlib import Path

from slices.definition import Slice


class ReceiptsSlice(Slice):
    """The slice."""

    def generated_files(self) -> Mapping[Path, str]:
        from slices.receipts import openapi

        return {openapi.FILE: openapi.build_text()}


SLICE = ReceiptsSlice("receipts")
