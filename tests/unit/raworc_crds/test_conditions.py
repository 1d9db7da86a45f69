from raworc_crds.conditions import Condition, Status, merge

NOON, ONE_PM = "2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z"


def condition(status: Status, reason: str, time: str) -> Condition:
    return Condition(type="Ready", status=status, reason=reason, last_transition_time=time)


def test_the_transition_time_moves_only_when_the_status_does() -> None:
    was = condition(Status.FALSE, "PodPending", NOON)
    still = condition(Status.FALSE, "CrashLoop", ONE_PM)
    now = condition(Status.TRUE, "Ready", ONE_PM)

    (kept,) = merge([was], [still])
    assert (kept.reason, kept.last_transition_time) == ("CrashLoop", NOON)
    assert merge([was], [now])[0].last_transition_time == ONE_PM


def test_a_condition_seen_for_the_first_time_keeps_its_own_time() -> None:
    first = condition(Status.UNKNOWN, "PodPending", NOON)
    assert merge([], [first]) == [first]
