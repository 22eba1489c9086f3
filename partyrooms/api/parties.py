"""``parties["chat"].get("lobby")``: any room, from anywhere in the process."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from partyrooms import registry
from partyrooms.api.after_commit import OnCommit, after_commit
from partyrooms.core.keys import RoomKey
from partyrooms.core.validation import HasId, as_ids, as_payload, as_text
from partyrooms.ports.host import RunningNode, get_host
from partyrooms.ports.rooms import Chain, RoomInbox
from partyrooms.runtime.deadlock import wait_for
from partyrooms.runtime.rpc import decode_result, encode_arguments

if TYPE_CHECKING:
    from partyrooms.api.requests import StubResponse
    from partyrooms.api.stub_socket import StubSocket


class Stub:
    """
    A room, addressed but not reached: making one does no I/O.

    Each call is an event of the room, in its order; it starts a room that is not
    running. Cancelling a call stops the wait, not the room. Sync code uses
    ``async_to_sync``.

    Every call may raise ``RoomUnreachable``, if the room cannot be run from this
    process, or takes no more events; and in a hook ``CallCycle``, if the hook's own
    room would wait for itself, directly or through others.
    """

    def __init__(self, key: RoomKey) -> None:
        self.key = key

    async def fetch(
        self,
        path: str = "/",
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | str | Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        stream: bool = False,
    ) -> "StubResponse":
        """
        Have the room's ``on_request`` answer a request; no before-hook sees it.

        Args:
            path: What follows the room id, from the slash on.
            method: As in HTTP.
            headers: Name and value.
            json: A JSON-able body.
            data: A body as it is, or the fields of a form, instead.
            query: Parameters; the path may have some, too.
            stream: Leave a streamed body to be iterated over, and closed; otherwise it
                is collected, up to ``MAX_BODY_SIZE``.
        """
        from partyrooms.api.requests import StubResponse, build_request, respond
        from partyrooms.delivery.responses import takes_no_requests

        request = build_request(
            self.key,
            path,
            method=method,
            headers=headers,
            json=json,
            data=data,
            query=query,
        )
        if not hasattr(registry.get(self.key.party), "on_request"):
            return StubResponse(takes_no_requests(self.key))
        response: StubResponse = await self._ask(
            lambda room, chain: room.request(request, chain),
            lambda answer: respond(answer, stream=stream),
        )
        return response

    async def broadcast(
        self,
        message: str | bytes,
        without: Collection[str | HasId] = (),
        *,
        on_commit: OnCommit = False,
    ) -> None:
        """
        Send a message to every connection of the room but those left out.

        Args:
            message: As ``Room.broadcast`` takes it.
            without: Ids that do not get it.
            on_commit: True: when the caller's transaction has committed; see
                ``after_commit``. A string: the transaction of this database.
        """
        payload = as_payload(message, "broadcast")
        ids = sorted(as_ids(without))
        await self._call_when(on_commit, "broadcast", message=payload, without=ids)

    async def call(
        self, name: str, /, *args: Any, on_commit: OnCommit = False, **kwargs: Any
    ) -> Any:
        """
        Call a method of the room that is marked with ``@partyrooms.rpc``.

        Args:
            name: Of the method.
            args: JSON-able; the method gets copies, as JSON has them now.
            on_commit: As of ``broadcast``; no method gets it as an argument.
            kwargs: Like ``args``.

        Returns:
            What the method returned, as JSON has it; None with ``on_commit``.

        Raises:
            TypeError: If the arguments are not JSON-able; nothing was sent then.
            CallFailed: If the method raised, or there is none that is marked.
        """
        arguments = encode_arguments(args, kwargs)
        call = {"method": as_text(name, "A method"), "arguments": arguments}
        result = await self._call_when(on_commit, "call", **call)
        return None if result is None else decode_result(result)

    async def connections(self) -> list[dict[str, Any]]:
        """
        Who is connected, oldest first.

        Returns:
            Dicts with ``id``, ``user_id``, ``tags``, ``uri`` and ``state``.
        """
        result: list[dict[str, Any]] = await self._call("connections")
        return result

    async def info(self) -> dict[str, Any]:
        """
        Where and since when the room runs.

        Returns:
            ``owner`` (the node's id), ``epoch``, ``connections`` (how many), ``since``
            (seconds since 1970).
        """
        result: dict[str, Any] = await self._call("info")
        return result

    def socket(
        self,
        path: str = "",
        query: Mapping[str, Any] | None = None,
        protocols: Sequence[str] = (),
        user_id: str | None = None,
    ) -> "StubSocket":
        """
        Open a WebSocket to the room in the project's own code; no before-hook sees it.

        ``async with stub.socket() as socket`` connects, and closes behind the block.

        Args:
            path: What follows the room id, from the slash on.
            query: Parameters; the path may have some, too. ``_pk`` is the connection's
                id.
            protocols: Subprotocols to offer.
            user_id: What ``connection.user_id`` says.
        """
        from partyrooms.api.stub_socket import StubSocket

        return StubSocket(self.key, path, query or {}, protocols, user_id)

    async def stop(self) -> None:
        """End the room's life: sockets get 1012, the next event starts it again."""
        await self._ask(lambda room, chain: room.stop())

    async def delete(self) -> None:
        """Stop the room and remove it with all that it stores."""
        await self._ask(lambda room, chain: room.delete())

    async def _call_when(self, on_commit: OnCommit, call: str, **arguments: Any) -> Any:
        if on_commit is False:
            return await self._call(call, **arguments)
        await after_commit(
            call, self.key, lambda: self._call(call, **arguments), on_commit
        )
        return None

    async def _call(self, call: str, **arguments: Any) -> Any:
        return await self._ask(lambda room, chain: room.call(call, arguments, chain))

    async def _ask(
        self,
        ask: Callable[[RoomInbox, Chain], Awaitable[Any]],
        finish: Callable[[Any], Awaitable[Any]] | None = None,
    ) -> Any:
        async def work(node: RunningNode) -> Any:
            inbox = node.inbox(self.key)
            reply = await wait_for(self.key, inbox, lambda chain: ask(inbox, chain))
            return reply if finish is None else await finish(reply)

        return await get_host().run(work)

    def __repr__(self) -> str:
        return f"<Stub {self.key}>"


class Party:
    """All rooms of one party."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, room_id: str) -> Stub:
        """
        The room with this id, as it is: not percent-encoded, not normalised.

        Raises:
            BadRoomId: If no room can have it.
        """
        return Stub(RoomKey(self.name, room_id))

    async def running(self) -> list[dict[str, Any]]:
        """
        The rooms that are in memory, of all processes; none is started or asked.

        Returns:
            Dicts with ``room_id``, and what ``Stub.info`` has.

        Raises:
            RoomUnreachable: If a process did not answer, or none can be reached.
        """
        found = await self._everywhere("list")
        return sorted(chain.from_iterable(found), key=itemgetter("room_id"))

    async def broadcast(self, message: str | bytes) -> int:
        """
        Send a message to every connection of the rooms that are in memory.

        It costs each process one message. It comes in each room's order, and starts no
        room.

        Args:
            message: As ``Room.broadcast`` takes it.

        Returns:
            How many rooms there were.

        Raises:
            RoomUnreachable: If a process did not answer, or none can be reached.
        """
        payload = as_payload(message, "broadcast")
        return sum(await self._everywhere("broadcast", message=payload))

    async def _everywhere(self, name: str, **arguments: Any) -> list[Any]:
        arguments["party"] = self.name
        return await get_host().run(lambda node: node.everywhere(name, arguments))

    def __repr__(self) -> str:
        return f"<Party {self.name}>"


class Parties:
    """All parties, by name: ``parties["chat"]`` or ``parties.chat``."""

    def __getitem__(self, name: str) -> Party:
        """
        The party of this name.

        Raises:
            UnknownParty: If no class is registered under it.
        """
        registry.get(name)
        return Party(name)

    def __getattr__(self, name: str) -> Party:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except LookupError as error:
            raise AttributeError(str(error)) from error


parties = Parties()
