"""A sandbox process for each test."""

import pytest

from tests.integration.sandbox.process import SandboxProcess


@pytest.fixture
def sandbox(tmp_path):
    with SandboxProcess(tmp_path) as process:
        yield process
