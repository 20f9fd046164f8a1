"""Commands that operators run.

None has run on AWS. The tests deploy to an emulator, which compares nothing, waits for nothing and lacks RDS, so these
parts have only had answers that the tests invent, in the form of AWS's models and pages. Read them before you deploy:

- `deploy/express.py` and `deploy/service_role.py`: RDS is moto's, with express clusters added by the tests.
- `deploy/change_set.py`: CloudFormation's comparison and validation.
- `deploy/checks.py`, `deploy/quotas.py` and `deploy/stack_state.py`: the account's plan and quotas, CloudFront's
  verification, and the states in which CloudFormation refuses an update.
- `deploy/leftovers.py` and `remove/`: clusters that stay, and deletions that AWS refuses or delays.
- `.github/deploy-role.yml`: a simulator evaluates the roles for the calls that deploys to the emulator make.
"""
