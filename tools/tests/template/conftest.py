"""Fixture of the tests of the compiled template: that of the project without slices."""

from tests.template.conftest import package_stage

__all__ = ["package_stage"]
