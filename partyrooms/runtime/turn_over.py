"""What code is told that goes on after its turn."""


class TurnOver(RuntimeError):
    """
    Code went on after its turn was cancelled; what it asks for is not done.

    Args:
        interruption: Why it was cancelled.
    """

    def __init__(self, interruption: Exception) -> None:
        super().__init__(interruption)
        self.interruption = interruption

    def __str__(self) -> str:
        return (
            "The turn of this hook is over, and nothing of it is sent or stored: "
            f"{self.interruption}"
        )
