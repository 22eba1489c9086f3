"""Methods called by name, whether the room is in the caller's process or not."""

import asyncio

import pytest

from partyrooms import CallCycle, CallFailed, Room, parties, rpc
from partyrooms.server.nodes import use_node
from tests.cluster.world import PATIENCE


class DeliveryLog(Room):
    """Keeps a balance, and a list of what went wrong."""

    party = "calls-account"

    async def on_start(self):
        self.balance = await self.storage.get("balance", 0)
        self.failures = []

    @rpc
    async def pay(self, amount, *, note=None):
        self.storage.put("balance", self.balance + amount)
        if amount < 0:
            raise ValueError("only deposits")
        self.balance += amount
        return {"balance": self.balance, "note": note}

    @rpc
    def look(self):
        """A plain function, in a thread."""
        return [self.balance, self.failures]

    @rpc
    async def stored(self):
        return await self.storage.get("balance")

    @rpc
    async def unspeakable(self):
        return object()

    @rpc
    async def confused(self):
        raise CallCycle("as asked")

    async def secret(self):
        return "not for everybody"

    async def on_exception(self, error, connection):
        self.failures.append(f"{type(error).__name__}: {error}")


class Strict(DeliveryLog):
    """Overrides a method without marking it."""

    party = "calls-strict"

    async def pay(self, amount, *, note=None):
        return "never"


@pytest.fixture
async def delivery_log(world):
    """A stub in one node, of a room in another; with a memory cluster, in the same."""
    use_node(await world.node())
    stub = parties["calls-account"].get("one")
    async with asyncio.timeout(PATIENCE):
        await stub.info()
    use_node(await world.node())
    yield stub
    use_node(None)


async def test_p3_a_marked_method_is_called(delivery_log):
    """P3: with positional and named arguments; its result is JSON-able."""
    assert await delivery_log.call("pay", 3, note="é") == {"balance": 3, "note": "é"}
    assert await delivery_log.call("pay", amount=4) == {"balance": 7, "note": None}


async def test_p3_a_plain_function_may_be_marked(delivery_log):
    """P3: it runs in a thread, as a plain hook does."""
    await delivery_log.call("pay", 3)

    assert await delivery_log.call("look") == [3, []]


async def test_p3_the_callee_gets_copies(delivery_log):
    """P3: as JSON has them, wherever it runs: a tuple is a list."""
    note = {"a": (1, 2)}

    answer = await delivery_log.call("pay", 1, note=note)

    assert answer["note"] == {"a": [1, 2]}


async def test_p3_an_exception_of_the_method_is_raised_at_the_caller(delivery_log):
    """P3: with type and text; its turn is dropped, and on_exception hears of it."""
    await delivery_log.call("pay", 3)

    with pytest.raises(CallFailed) as failure:
        await delivery_log.call("pay", -5)

    assert failure.value.error_type == "ValueError"
    assert failure.value.text == "only deposits"
    assert await delivery_log.call("stored") == 3
    assert await delivery_log.call("look") == [3, ["ValueError: only deposits"]]


async def test_p3_a_result_that_json_cannot_hold_is_a_failure(delivery_log):
    """P3: of the method."""
    with pytest.raises(CallFailed, match=r"TypeError: unspeakable\(\) must return"):
        await delivery_log.call("unspeakable")


@pytest.mark.parametrize("name", ["secret", "on_start", "storage", "nothing"])
async def test_p3_only_marked_methods_can_be_called(delivery_log, name):
    """P3: the text says what is allowed; the room's on_exception hears nothing."""
    with pytest.raises(CallFailed) as failure:
        await delivery_log.call(name)

    assert name in failure.value.text
    assert "confused, look, pay, stored, unspeakable" in failure.value.text
    assert await delivery_log.call("look") == [0, []]


async def test_p3_an_override_is_marked_again(delivery_log):
    """P3: a subclass decides for itself."""
    with pytest.raises(CallFailed, match="'pay'"):
        await parties["calls-strict"].get("one").call("pay", 1)


async def test_p3_arguments_that_do_not_fit_are_the_callers_mistake(delivery_log):
    """P3: no method runs, and on_exception hears nothing."""
    with pytest.raises(CallFailed, match=r"TypeError: pay\(\): .*'amount'"):
        await delivery_log.call("pay")

    assert await delivery_log.call("look") == [0, []]


async def test_p6_a_cycle_that_a_method_met_is_one_for_its_caller(delivery_log):
    """P6: it is no CallFailed, for the caller is one of those that wait."""
    with pytest.raises(CallCycle, match="as asked"):
        await delivery_log.call("confused")


@pytest.mark.parametrize("argument", [object(), float("nan"), {1, 2}, b"bytes"])
async def test_p3_arguments_are_checked_before_anything_is_sent(argument):
    """P3: a TypeError, where no node was needed yet."""
    stub = parties["calls-account"].get("one")

    with pytest.raises(TypeError, match=r"call\(\) takes JSON-able arguments"):
        await stub.call("pay", argument)


@pytest.mark.parametrize("thing", [classmethod(len), property(), 3, Room])
def test_p3_only_a_method_can_be_marked(thing):
    """The text says how it is done."""
    with pytest.raises(TypeError, match="right above the def"):
        rpc(thing)
