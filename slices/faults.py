"""Report of the faults of a file that a command loads into a table."""

from slices.spreadsheet import Faults
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_status


def require_no_faults(faults: Faults, file: str, *, as_json: bool, name: str = "faults", status: int = 2) -> None:
    """Print the faults of a file, if it has any; in JSON as the field `name`.

    Raises:
        CommandError: the file has faults; with the exit status `status`.
    """
    if not faults:
        return
    if as_json:
        print_json({name: [fault._asdict() for fault in faults.first_faults], "total": len(faults)})
    else:
        print_status(*map(str, faults.first_faults))
    raise CommandError(f"{file}: {faults.describe_count()}; nothing was stored", status)
