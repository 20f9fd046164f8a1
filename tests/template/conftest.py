"""What these tests look at: the reference, whatever slices there are. A slice's own tests look at what it brings."""

import pytest

from tests.template.compiled import Packaged


@pytest.fixture
def packaged(reference: Packaged) -> Packaged:
    return reference
