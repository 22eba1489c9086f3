"""The examples as the front page lists them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """
    One small Django app: a ``rooms.py``, and a page for each of its rooms.

    Attributes:
        party: The rooms that have a page, which is at ``/<party>/<room>/``.
        title: Its name.
        text: What it shows, in a sentence or two.
        label: Of the field for a room's name.
        room: The name that the field has at first.
        app: The Django app below ``examples``; default: the party's name.
        knows_visitors: Its rooms distinguish visitors, by the session of the page.
    """

    party: str
    title: str
    text: str
    label: str
    room: str
    app: str = ""
    knows_visitors: bool = False

    @property
    def folder(self) -> str:
        """Where the app's templates are."""
        return self.app or self.party

    @property
    def icon(self) -> str:
        """The template of its picture."""
        return f"{self.folder}/icon.svg"


EXAMPLES = (
    Example(
        party="chat",
        title="Chat",
        text="Names, who is here, and a history that survives a restart. Open it in "
        "two tabs.",
        label="Chat room",
        room="tea",
    ),
    Example(
        party="ai-chat",
        title="AI chat",
        text="One more participant, who answers word by word while you go on talking. "
        "No key needed.",
        label="Room with a robot",
        room="salon",
        app="ai_chat",
    ),
    Example(
        party="counter",
        title="Counter",
        text="The smallest room. A WebSocket and a plain HTTP request change the same "
        "number, and server-sent events follow it.",
        label="Counter",
        room="visitors",
    ),
    Example(
        party="cursors",
        title="Cursors",
        text="Everyone's pointer, sixty times a second, packed into one frame for all.",
        label="Canvas",
        room="meadow",
    ),
    Example(
        party="poll",
        title="Poll",
        text="Votes by HTTP, results by WebSocket, and an alarm that closes it, also "
        "if nobody is connected.",
        label="Poll",
        room="team",
        knows_visitors=True,
    ),
    Example(
        party="building",
        title="Presence",
        text="A building that shows who is in which place. The places are rooms, too, "
        "and report to it.",
        label="Building",
        room="main",
        app="presence",
    ),
    Example(
        party="tictactoe",
        title="Tic-tac-toe",
        text="Two play in turn, and the others watch. Open it in two tabs and take "
        "both seats.",
        label="Table",
        room="table-1",
        knows_visitors=True,
    ),
)
