"""The words in RESULTS.md that say how it was measured."""

from benchmarks.contest import DISTURBED, Pace

METHOD = """\
Server and load generator are on a core of their own each, and one process each where
nothing else is said. The load generator is picows on uvloop (HTTP: httptools on
uvloop); messages have 64 bytes. No guarantee is switched off.

In each round every side of a measure takes a turn, in the reversed order in every
second one, and the **ratio** is the median of the rounds' ratios; the figures are
medians of {rounds} rounds. A turn counts {duration:g} s after {warm_up:g} s of warm-up
(2,000 sockets: 2.5 times that). Absolute figures depend on the machine and on what else
it does; ratios hardly do. "By CPU" is the ratio of what each side made of a CPU second
of its server. "Server", "generator" and "others" are CPU time through time: a server
well below 100 % was not the limit. A turn in which other processes used more than
{disturbed} of a core is repeated up to {repeats} times, and the calmest one counts.

- **partyrooms on serve**: `manage.py serve`. **On uvicorn**: uvicorn with uvloop,
  httptools, its sansio WebSocket implementation, no compression and no access log, as
  all other Python servers here.
- **bare ASGI app**: an echo, or a loop that sends to every socket, and nothing else.
- **Channels**: the chat consumer of Channels' tutorial, which uses `group_send`.
- **partyserver on workerd**: PartyKit's own runtime, C++ and V8. Its rooms are Durable
  Objects on SQLite, on disk.
- Echo: every socket sends when its last message is back.
- Fan-out: every message goes to all sockets of the room, ten messages under way at a
  time.
- Stored echo: a `put`, then the echo, which leaves after the commit. SQLite is in WAL
  mode with `synchronous=NORMAL`. Postgres is on the server's core.
- HTTP: 16 keep-alive connections, each with one request under way. Django's views
  answer from a constant, or store with one `UPDATE` and one `SELECT`; the site of
  partyrooms has its `BeforeHooksMiddleware` at the end of `MIDDLEWARE`.
- Connections and rooms started: 2,000 sockets connect, 20 at a time, each says one
  thing and waits for the answer; the rooms are new.
- Memory: what the resident memory of a fresh server grew by with 2,000 sockets that say
  nothing.
- A room that hibernates: what the resident memory of a fresh server grew by with 10,000
  rooms that were asked once each and hibernate, beside as many that do not; one round.
- Owner in another process, 2 gateways: one or two web processes, with partyrooms also
  one room worker that owns the room, and a Valkey, all on the server's core; their CPU
  times are added up. partyrooms uses `RedisPubSubChannelLayer`.
- Rooms in memory: all have been asked by HTTP; ten of their like echo.
"""


def method(pace: Pace) -> str:
    """Return them for the pace of a run."""
    return METHOD.format(
        rounds=pace.rounds,
        duration=pace.duration,
        warm_up=pace.warm_up,
        repeats=pace.repeats,
        disturbed=f"{DISTURBED:.0%}",
    ).strip()
