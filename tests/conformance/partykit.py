"""
The rows that this suite proves, by section, and what PartyKit does about each.

Read in PartyKit's sources (``partykit`` 0.0.115, ``partyserver`` 0.5.8), not run. An
empty text: PartyKit has no such thing, or none of its own.
"""

SECTIONS: dict[str, dict[str, str]] = {
    "Defining rooms": {
        "R1": "`partykit.json`, or a binding and a migration in `wrangler.json`",
        "R2": "each party's module is named in `partykit.json`",
        "R3": "the key in `partykit.json`, or the binding's name in kebab case",
        "R4": "",
        "R5": "`constructor(room)`; `room.id` is not readable in `onAlarm`",
        "R6": "one instance for each id while it is in memory",
        "R7": "JavaScript only; nothing may block",
    },
    "The room": {
        "R10": "once per life; `partykit` lets events in before it ends and does not "
        "repeat a failed one, `partyserver` waits and repeats",
        "R11": "`ctx.request` only; the 101 follows `onConnect`",
        "R12": "text as `string`, binary as `ArrayBuffer`; handlers of one socket "
        "interleave at an `await`",
        "R13": "`onClose`; code and reason in `partyserver` only; 1006 where none came",
        "R14": "transport errors only",
        "R15": "absent: 500 in `partykit`, 404 in `partyserver`",
        "R16": "`onAlarm()`; `room.id` throws in it in `partykit`",
        "R17": "`onException` hears of SQL errors only; other exceptions are logged",
        "R18": "9 tags of 1-256 characters, the id first",
        "R19": "`broadcast(message, without)`; no JSON variant",
        "R20": "`getConnection(id)`, `getConnections(tag)`; `partykit` has none before "
        "the first connection",
        "R21": "`room.storage`",
        "R22": "`room.context.parties`; gone in `partyserver`",
        "R23": "`ctx.waitUntil`",
        "R25": "never selects one: a browser that asks for one fails",
        "R26": "",
        "R27": "`setTimeout`, `setInterval`, which hibernation ends in silence",
        "R29": "`setWebSocketAutoResponse`, not reachable in `partykit`",
    },
    "Connections": {
        "R30": "`id`, `uri`, `tags`; no user",
        "R31": "the raw WebSocket's `send`; no JSON variant",
        "R32": "2 KiB in `partykit`, 16 KiB in `partyserver`; changing it in place "
        "looks right and is lost on wake-up",
        "R33": "the raw WebSocket's `close`",
    },
    "Events and the output gate": {
        "G1": "single-threaded, but events interleave at an `await`",
        "G2": "the same output gate",
        "G3": "writes without an `await` between them are atomic",
        "G4": "",
        "G5": "30 s of CPU, then the whole room is reset",
        "G6": "an overload error after a limit that is not documented",
    },
    "Storage": {
        "S1": "`get(key)`, `get(keys)` of at most 128 keys",
        "S2": "`put`, `delete`, `deleteAll`; the promise may be dropped",
        "S3": "the same options",
        "S4": "`transaction()`",
        "S5": "`sync()`",
        "S6": "what structured clone keeps",
        "S7": "key 2,048 bytes, value 128 KiB (2 MB for both on SQLite), 10 GB",
        "S8": "a stale instance's storage access throws",
        "S9": "",
        "S10": "`setAlarm`, `getAlarm`, `deleteAlarm` in milliseconds",
        "R40": "at least once, six retries from 2 s on, then dropped; may run beside "
        "other events, and be late by a minute",
        "S11": "the same promise",
    },
    "HTTP": {
        "H1": "the same in `partykit`; `partyserver` has no `/party/<room>`",
        "H2": "",
        "H3": "a `Request` with its full URL",
        "H4": "a `Response` only",
        "H5": "500 with the message, in `partyserver` with the stack trace",
        "H6": "404 in `partykit`, 400 in `partyserver`; ids are not checked",
        "H7": "",
        "H8": "100 MB (the plan's limit)",
    },
    "Before the room": {
        "B1": "`onBeforeRequest`, `onBeforeConnect` at the edge; no session, no user",
        "B2": "return a request; a client can forge `partyserver`'s props header where "
        "a route passes none (read, not tried)",
        "B3": "a `Response` is the answer",
        "B4": "",
        "B5": "401 with the message in `partykit`; uncaught in `partyserver`",
        "B6": "`lobby.id`, `.parties` in `partykit`, `.name`, `.className` in "
        "`partyserver`",
        "B7": "bypassed by stub calls",
        "B8": "`onFetch` of `main`, after static assets; gone in `partyserver`",
        "B9": "`onSocket` of `main`, accepted already; gone in `partyserver`",
        "B10": "`crons` in `partykit.json`, `static onCron`; gone in `partyserver`",
        "B11": "an example's router answers with `context.parties.x.get(id).fetch()`; "
        "a socket cannot be sent on",
    },
    "Reaching rooms from elsewhere": {
        "P1": "`context.parties.chat.get(id)`",
        "P2": "`fetch(path, init)`",
        "P3": "none in `partykit`; any public method of the stub in `partyserver`",
        "P4": "",
        "P5": "",
        "P6": "waits until a time limit ends it",
        "P7": "",
        "P8": "",
        "P9": "",
        "P10": "",
    },
    "Delivery": {
        "D4": "what is lost, is lost in silence",
        "D8": "each object has a thread of an isolate; the platform moves it",
    },
    "The wire": {
        "W1": "the same",
        "W2": "`_pk`, unchecked; absent: a UUID",
        "W3": "the same",
        "W4": "never decoded: `a%20b` in a URL and `get('a b')` are two rooms",
        "W5": "in memory the older one goes deaf and its end takes the newer one out; "
        "hibernating, `getConnection` throws",
        "W6": "the same since `partyserver` 0.5.4",
        "W7": "1009, 1011",
        "W8": "the server answers pings and sends none",
        "W9": "no check",
        "W10": "no limit; `partysocket` gives up after 4 s",
        "W11": "the platform's routing",
        "W12": "off unless a flag asks for it",
    },
}

ROWS = {row: text for rows in SECTIONS.values() for row, text in rows.items()}
