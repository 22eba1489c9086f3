"""What a failure makes of an alarm."""

from datetime import UTC, datetime, timedelta

from partyrooms.core.alarm import MAX_ERROR_SIZE, Alarm

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def failures(number, *, lasting=0.0):
    """An alarm that failed so often, and the pauses between its attempts."""
    alarm, pauses = Alarm(at=NOON), []
    for _ in range(number):
        now = alarm.at + timedelta(seconds=lasting)
        alarm = alarm.after_failure(now, "no")
        pauses.append((alarm.at - now).total_seconds())
    return alarm, pauses


def test_r40_it_is_retried_after_2_4_8_16_32_64_seconds():
    """R40: counted from when the hook has failed, not from when it began."""
    alarm, pauses = failures(6, lasting=5.0)

    assert pauses == [2, 4, 8, 16, 32, 64]
    assert (alarm.attempts, alarm.is_failed) == (6, False)


def test_r40_after_the_last_retry_it_is_given_up():
    """R40: kept, with the error and when that was."""
    alarm, _ = failures(7)

    assert alarm.is_failed
    assert alarm.error == "no"
    assert alarm.at == NOON + timedelta(seconds=126)


def test_an_error_is_cut():
    """It may be as long as whoever raised it liked."""
    alarm = Alarm(at=NOON).after_failure(NOON, "x" * 10_000)

    assert alarm.error == "x" * MAX_ERROR_SIZE
