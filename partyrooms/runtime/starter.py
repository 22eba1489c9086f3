"""Starts a life of a room: claims it, gathers its sockets, and lets it load."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from uuid import UUID

from partyrooms import registry
from partyrooms.core.frames import decode_profiles
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomElsewhere, RoomStopped
from partyrooms.ports.records import Claim, Handover
from partyrooms.ports.sockets import Closing
from partyrooms.runtime.cluster_port import Cluster
from partyrooms.runtime.embedded import require_no_server
from partyrooms.runtime.environment import Environment
from partyrooms.runtime.events import alarm
from partyrooms.runtime.gate import Gate
from partyrooms.runtime.life import Life
from partyrooms.runtime.mailbox import Mailbox
from partyrooms.runtime.missed_closes import MissedCloses
from partyrooms.runtime.ownership import Ownership
from partyrooms.runtime.peers import Audience
from partyrooms.runtime.runner import HookRunner
from partyrooms.runtime.timers import Timer
from partyrooms.runtime.turn import Turn
from partyrooms.usercode import contained

MOVED: Closing = (1012, "the room has moved; come back")


class Starter:
    """
    Starts the lives of one room.

    Args:
        key: Which room.
        environment: What it shares with the node's other rooms.
        cluster: Where its sockets are.
        mailbox: Its events; they tell whether an alarm starts it.
        ownership: Claims it.
        runner: Runs ``on_start``.
        missed_closes: Takes the sockets that were lost since the last life.
    """

    def __init__(
        self,
        key: RoomKey,
        environment: Environment,
        cluster: Cluster,
        *,
        mailbox: Mailbox,
        ownership: Ownership,
        runner: HookRunner,
        missed_closes: MissedCloses,
    ) -> None:
        self._key = key
        self._environment = environment
        self._cluster = cluster
        self._mailbox = mailbox
        self._ownership = ownership
        self._runner = runner
        self._missed_closes = missed_closes

    async def start(
        self, on_lost: Callable[[], None], put_timer: Callable[[Timer], None]
    ) -> Life | Exception:
        """
        Claim the room, make the instance and run ``on_start``.

        Args:
            on_lost: Called once, when the room turns out to be somebody else's.
            put_timer: Puts the call of a timer into the mailbox.

        Returns:
            The life; or what ``on_start`` raised, which was reported already.

        Raises:
            RoomElsewhere: If another process has the room, or this one takes none.
            PartyroomsError: If it cannot be claimed or loaded now.
            Exception: What the class's ``__init__`` raised.
        """
        environment = self._environment
        if environment.is_over:
            raise RoomStopped("This process is going away.")
        if environment.is_draining:
            raise RoomElsewhere("This process gives its rooms away.")
        await require_no_server(environment, self._cluster.has_peers, self._key)
        named = self._cluster.named(self._key)
        claim = await self._ownership.claim(
            hibernates=named is not None, gateways=named or ()
        )
        alarm.meet(self._mailbox.waiting, claim.alarm)
        seats = dict(claim.seats)
        life: Life | None = None
        is_started = False
        try:
            audience = self._cluster.audience(self._key)  # held while it fills
            await self._cluster.take_over(self._key, claim)
            self._note_lost(seats)
            seats = {}
            life = await self._make(claim, audience, on_lost, put_timer)
            error = await self._load(life)
            is_started = error is None
            return life if error is None else error
        finally:
            if not is_started:
                if life is not None:
                    life.end(MOVED if self._ownership.is_lost else None)
                await self._ownership.release(claim, Handover(seats=seats))

    async def _load(self, life: Life) -> Exception | None:
        """Run ``on_start``; why the life cannot begin."""
        turn = Turn(life.outputs)
        error = await self._runner.attempt("on_start", turn, life.hooks.on_start)
        if self._ownership.is_lost:
            return error or RoomStopped(f"{self._key} was lost while it started.")
        if error is None:
            life.gate.close(turn)
            return None
        # The hook served all that wait; what is told of it is told of the first.
        first = next(iter(self._mailbox.waiting), None)
        request = None if first is None else first.origin(life)[1]
        await self._runner.report(error, life, None, request)
        with suppress(RoomStopped):
            await life.gate.settle()
        await self._put_off_alarm(life.gate, error)
        return error

    async def _make(
        self,
        claim: Claim,
        audience: Audience,
        on_lost: Callable[[], None],
        put_timer: Callable[[Timer], None],
    ) -> Life:
        sizes = await self._environment.store.sizes(claim.record)
        if self._ownership.is_lost:
            raise RoomStopped(f"{self._key} was lost before it started.")
        room_class = registry.get(self._key.party)
        try:
            return Life(
                room_class,
                key=self._key,
                claim=claim,
                sizes=sizes,
                audience=audience,
                environment=self._environment,
                on_lost=on_lost,
                put_timer=put_timer,
            )
        except BaseException as raised:  # __init__ may raise whatever it likes
            error = contained(raised, "__init__")
            gate = Gate(claim, self._environment.committer, on_lost)
            await self._put_off_alarm(gate, error)
            raise error from error.__cause__

    def _note_lost(self, seats: Mapping[UUID | None, bytes]) -> None:
        """Sockets whose processes have died since the last life are still to close."""
        # The class may not hibernate any more, which it did when it left the seats.
        here = self._cluster.named(self._key) or self._cluster.gateways(self._key)
        for node, profiles in seats.items():
            if node not in here:
                self._missed_closes.add_lost(decode_profiles(profiles))

    async def _put_off_alarm(self, gate: Gate, error: Exception) -> None:
        now = self._environment.wall_clock()
        await alarm.put_off(self._mailbox.waiting, gate, now, error)
