"""What holds for every test."""

import pykka
import pytest
from hypothesis import settings

# No deadline: a busy machine is no bug. The blob in a failure's message repeats it anywhere.
settings.register_profile("aegispay", deadline=None, print_blob=True)
settings.load_profile("aegispay")


@pytest.fixture(autouse=True)
def _nobody_is_left_in_the_registry():
    """An engine that dies in a test closes nothing, and pykka's registry is the whole process's."""
    yield
    for ref in pykka.ActorRegistry.get_all():
        pykka.ActorRegistry.unregister(ref)
