"""What code of the project raises, kept from ending more than what called it."""

import asyncio


def contained(raised: BaseException, by: str) -> Exception:
    """
    Make an error of what would end more than the code that raised it.

    The event loop, and so the whole server, ends at ``SystemExit`` and
    ``KeyboardInterrupt`` (which no signal raises in a server: it has handlers of its
    own), and a task at anything else that is no ``Exception``.

    Args:
        raised: What the code raised; an ``Exception`` is given back.
        by: Which code that was, for the error's text.

    Raises:
        GeneratorExit: If nobody raised it: the task is being thrown away.
    """
    if isinstance(raised, Exception):
        return raised
    if isinstance(raised, GeneratorExit) and not _is_task_running():
        raise raised
    what = f"raised {type(raised).__name__}"
    if isinstance(raised, SystemExit):
        what = f"called sys.exit({raised.code!r})"
    error = RuntimeError(f"{by} {what}")
    error.__cause__ = raised
    return error


def text_of(error: BaseException) -> str:
    """
    What an error says of itself, as any database and any wire can carry it.

    It may quote a client: half of a surrogate pair has no UTF-8, and Postgres takes no
    NUL. Both are escaped. Some errors cannot even say anything.
    """
    try:
        text = str(error)
    except Exception:  # it is a class of the project's
        return "(its text cannot be had)"
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def _is_task_running() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:  # The event loop itself has ended.
        return False
