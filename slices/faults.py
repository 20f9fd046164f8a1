"""Report of the faults of a file that a command loads into a table."""

from slices.spreadsheet import Faults
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_status


def require_no_faults(faults: Faults, file: str, *, as_json: bool) -> None:
    """Print the faults of a file, if it has any.

    Raises:
        CommandError: the file has faults.
    """
    if not faults:
        return
    if as_json:
        items = [{"line": fault.line, "column": fault.column, "what": fault.what} for fault in faults.first_faults]
        print_json({"faults": items, "total": len(faults)})
    else:
        print_status(*map(str, faults.first_faults))
    raise CommandError(f"{file}: {faults.describe_count()}; nothing was stored")
