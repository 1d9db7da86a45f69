"""What runs beside the handlers."""

from dataclasses import replace

import pytest
from tests.unit.raworc_operator.conftest import Bed
from tests.unit.raworc_operator.samples import SETTINGS

from raworc_operator.__main__ import running_threads


@pytest.mark.parametrize("is_own", [True, False])
def test_only_a_registry_of_its_own_is_cleared_of_spaces_that_are_gone(
    bed: Bed, *, is_own: bool
) -> None:
    context = replace(bed.context, settings=replace(SETTINGS, registry_is_own=is_own))
    with running_threads(context):
        assert ("images of gone spaces" in context.space_queue._due) is is_own
