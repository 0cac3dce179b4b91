"""One whole platform for all stories, and one salon with its people on it.

They are gone when the stories are over: an idle platform still takes a seventh of a core from the tests that follow.
"""

import sys
from pathlib import Path

import pytest
from kursi_chassis.testing.folders import quick_folder
from kursi_local import invariants
from kursi_local.client import Api
from kursi_local.patience import until
from kursi_local.testing import running_platform

# Under importlib's import mode a folder of tests is no package: helpers are imported by name.
sys.path.insert(0, str(Path(__file__).parent))

from e2e_world import build_world, recovered

# Stories cannot wait for what a day's work can: how soon payment asks the provider about what it was not told.
IMPATIENT = {
    "KURSI_PAYMENT_RECHECK_CREATED_SECONDS": "1",
    "KURSI_PAYMENT_RECHECK_PENDING_SECONDS": "2",
}


def pytest_collection_modifyitems(items):
    """Measurements write straight into databases and streams what no service would, so they come after all stories."""
    items.sort(key=lambda item: item.path == Path(__file__).with_name("test_bench.py"))


@pytest.fixture(scope="package")
def platform():
    with running_platform(environment=IMPATIENT, home=quick_folder()) as started:
        yield started


@pytest.fixture(scope="package")
def api(platform):
    with Api.of(platform) as front_door:
        yield front_door


@pytest.fixture(scope="package")
def world(api):
    return build_world(api)


@pytest.fixture
def unbroken(platform):
    """Whatever the test did, the platform comes back and every invariant holds."""
    yield
    recovered(platform)
    until(lambda: invariants.unpublished(platform) == 0, 180, "the end of publishing")
    assert invariants.broken(platform) == []
