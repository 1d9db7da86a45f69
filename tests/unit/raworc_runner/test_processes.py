"""Finding what agents started."""

import errno
import os
import resource

import pytest

from raworc_runner.processes import end_all


def test_a_look_that_fails_is_not_taken_for_one_that_finds_nothing() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="/proc") as failure:
            end_all(os.getpid(), "none", (), ())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert failure.value.errno == errno.EMFILE
