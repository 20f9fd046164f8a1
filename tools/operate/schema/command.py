"""`ponto schema`: apply the migrations to a stage's database."""

from tools.kit import commands, shared_options, target
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.errors import CommandError
from tools.kit.functions import FunctionFailedError, invoke
from tools.kit.output import print_json, print_result, print_status
from tools.kit.target import TargetOptions

_EPILOG = """examples:
  ponto schema --stage dev
  ponto schema --stage prod --json

exit status: 0 done, 1 the function failed, 2 the request or the stage is wrong
"""


@commands.command(epilog=_EPILOG)
@shared_options.as_json
@target.options
@pass_collaborators
def schema(collaborators: Collaborators, target_options: TargetOptions, *, as_json: bool) -> None:
    """Apply the migrations; set the roles' limits and logins.

    Invokes the function `schema` of a stage once, and waits at most 15 minutes. `ponto deploy` does this, too. Run it
    again after `sls deploy`, after a secret or a concurrency has changed, or after a failure.
    """
    functions, name = target.function_client(target_options, "schema", single_attempt=True)
    print_status(f"invoking {name}")
    try:
        result = invoke(functions, name, target_options.stage, {"action": "migrate"}, collaborators.clock)
    except FunctionFailedError as error:
        raise CommandError(
            f"{error}\nIts log: npx sls logs --stage {target_options.stage} -f schema", status=1
        ) from None
    if as_json:
        print_json(result)
    else:
        print_result(f"applied: {', '.join(result['applied']) or 'nothing to do'}", *result["notices"])
