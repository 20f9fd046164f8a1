"""Parameter with which `tools/tests/e2e/test_deploy.py` deploys a stage with sign-in."""

from tools.local.emulator import Emulator


def parameter_of_first_deploy(aws: Emulator) -> str:
    """Create a user pool; return the parameter that names it."""
    pool = aws.client("cognito-idp").create_user_pool(PoolName="employees")["UserPool"]["Arn"]
    return f"userPoolArn={pool}"
