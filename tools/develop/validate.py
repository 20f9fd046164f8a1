"""Check of CloudFormation templates with AWS's offline validator, run with the Python of .venv-audit, which has it."""

import sys

from cloudformation_validate import (  # type: ignore[import-not-found]  # it is in .venv-audit only
    CompositeEngine,
    ReportStatus,
    ResourceIdFilter,
    ResourceTypeFilter,
    RuleFilterConfig,
    Severity,
    ValidateConfig,
)

# Each waiver names a rule and where it is waived.
WAIVERS = RuleFilterConfig(
    resource_types=[
        # osls adds DependsOn to functions, although they also reference the role.
        ResourceTypeFilter(rule_id="W3005", resource_type="AWS::Lambda::Function"),
    ],
    resource_ids=[
        # A permissions boundary grants nothing by itself.
        ResourceIdFilter(rule_id="W2512", resource_id="RoleBoundary"),
    ],
)


def main(paths: list[str]) -> int:
    """Print each warning and error of the templates.

    Returns:
        0 if there are none, 1 otherwise.

    Raises:
        OSError: A template cannot be read.
    """
    engine = CompositeEngine()
    config = ValidateConfig(severity_level=Severity.WARN, exclude=WAIVERS)
    status = 0
    for path in paths:
        report = engine.validate_template(path, config)
        for finding in report.diagnostics:
            place = finding.entity.logical_id if finding.entity else "template"
            location = f"{path}:{finding.start_line or 1}: {place} {finding.property_path or ''}".rstrip()
            print(f"{location}: {finding.rule_id}: {finding.message}")
        if report.diagnostics or report.status != ReportStatus.OK:
            print(f"{path}: {report.status.name}: {len(report.diagnostics)} findings of cloudformation-validate")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
