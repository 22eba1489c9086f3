"""The rules of the game, without rooms."""

EMPTY = "." * 9
LINES = (
    *((0, 1, 2), (3, 4, 5), (6, 7, 8)),
    *((0, 3, 6), (1, 4, 7), (2, 5, 8)),
    *((0, 4, 8), (2, 4, 6)),
)


def line_of(board: str) -> tuple[int, int, int] | None:
    """Three cells in a row with one mark; None: no player has won."""
    for one, two, three in LINES:
        if board[one] != "." and board[one] == board[two] == board[three]:
            return one, two, three
    return None


def turn_of(board: str) -> str | None:
    """Whose turn it is, and X begins; None: the game is over."""
    if line_of(board) or "." not in board:
        return None
    return "X" if board.count("X") == board.count("O") else "O"


def played(board: str, mark: str, move: object) -> str:
    """
    The board after a move, or as it was if that is against the rules.

    Args:
        board: Nine cells, row by row: ``X``, ``O`` or a dot.
        mark: The player's; a spectator cannot move.
        move: A cell from ``"0"`` to ``"8"``, or ``"again"`` after the end of a game;
            anything else, from another client than the page, is ignored.
    """
    turn = turn_of(board)
    if move == "again" and turn is None and mark in ("X", "O"):
        return EMPTY
    if mark != turn or move not in tuple("012345678"):
        return board
    cell = int(str(move))
    return board[:cell] + mark + board[cell + 1 :] if board[cell] == "." else board
