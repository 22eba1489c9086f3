"""What the doctor has found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One fault.

    Attributes:
        fault: What is wrong, and what it does to rooms; a sentence.
        remedy: How to mend it.
    """

    fault: str
    remedy: str
