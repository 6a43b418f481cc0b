"""Settings of the studio that concern people and their jobs: what each may do."""

from vectormix_tf.config.setting import integer, number, settings_class
from vectormix_tf.config.settings import DEFAULT_SIZE, MAX_SIZE

MOST = 1_000_000  # of anything that is counted: a slip of the keyboard is told
HOUR = 3600.0
DAY = 24 * HOUR


@settings_class
class StudioSettings:
    """Settings of `studio` that the database's functions enforce."""

    waiting: int = integer(10, 1, MOST, "jobs of a person that may wait")
    running: int = integer(2, 1, MOST, "jobs of a person that may run at once")
    daily: int = integer(100, 1, MOST, "jobs that a person may order in 24 hours")
    quota: int = integer(500, 1, MOST, "megabytes that a person's pictures may take")
    queue: int = integer(2000, 1, MOST, "jobs of all people that may wait")
    size: int = integer(1024, 1, MAX_SIZE, "long side of a person's largest job")
    guest_size: int = integer(
        DEFAULT_SIZE // 2, 1, MAX_SIZE, "the same of a visitor without an account"
    )
    guest_seconds: float = number(
        HOUR, 60, 30 * DAY, "after which a visitor without an account is forgotten"
    )
    sign_ups: int = integer(10, 1, MOST, "accounts made from one address in an hour")
    logins: int = integer(30, 1, MOST, "wrong passwords from one address in an hour")
    session_days: int = integer(30, 1, 3650, "days that a session lasts unused")
    reports: int = integer(3, 1, MOST, "reports that hide a work until it is reviewed")
    approvals: int = integer(
        0, 0, MOST, "first works of a new person that a moderator must approve"
    )
