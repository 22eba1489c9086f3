"""Tic-tac-toe: two play in turn, and the others watch."""

from examples.tictactoe.board import EMPTY, line_of, played, turn_of
from partyrooms import Room


class TicTacToe(Room):
    """
    A connection's last tag says what it is: ``X``, ``O`` or ``spectator``.

    The first tag is the connection's id. A client chooses it, so it decides nothing.
    """

    party = "tictactoe"
    hibernate = True  # the game is stored, and tags stay with their connections
    max_message_size = 16
    message_rate = "10/s"

    @classmethod
    def on_before_connect(cls, request, lobby):  # in the web process, with the session
        request.props["visitor"] = request.session.get("visitor")

    async def on_start(self):
        self.board = await self.storage.get("board", EMPTY)
        self.players = await self.storage.get("players", {})  # visitors, by their mark

    async def get_connection_tags(self, connection, ctx):
        mark, visitor = ctx.request.GET.get("seat"), ctx.props.get("visitor")
        if mark not in ("X", "O") or visitor is None:
            return ["spectator"]
        if self.players.get(mark) != visitor:
            if mark in self.present():  # else its player has left: it is free
                return ["spectator"]
            self.storage.put("players", {**self.players, mark: visitor})
            self.players[mark] = visitor
        return [mark]

    async def on_connect(self, connection, ctx):
        connection.send_json({"you": connection.tags[-1]})
        self.show()

    async def on_message(self, message, sender):  # a client may send anything
        board = played(self.board, sender.tags[-1], message)
        if board != self.board:
            self.storage.put("board", board)
            self.board = board
            self.show()

    async def on_close(self, connection):
        self.show()

    def present(self):
        return {each.tags[-1] for each in self.get_connections()}

    def show(self):
        state = {"board": self.board, "turn": turn_of(self.board)}
        state["line"] = line_of(self.board)
        state["players"] = sorted(self.present() - {"spectator"})
        state["spectators"] = len(self.get_connections("spectator"))
        self.broadcast_json(state)
