"""By what `tests/e2e/test_deploy.py` deploys a stage whose employees sign in."""

from tools.local.emulator import Emulator


def parameter_of_first_deploy(aws: Emulator) -> str:
    """Make a user pool; give the parameter that names it."""
    pool = aws.client("cognito-idp").create_user_pool(PoolName="employees")["UserPool"]["Arn"]
    return f"userPoolArn={pool}"
