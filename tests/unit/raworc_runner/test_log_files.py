"""The files of agents' output."""

import os
import time
from pathlib import Path

from raworc_runner.log_files import LogFiles


def coming_names(agent: str) -> list[str]:
    """Name the log files of the next three seconds."""
    now = int(time.time() * 1000)
    return [
        f"{agent}_{second(at // 1000)}.{at % 1000:03d}Z_stdout.log" for at in range(now, now + 3000)
    ]


def second(at: int) -> str:
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(at))


def test_pipes_in_the_places_of_coming_files_hold_nobody_up(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, "echo", "stdout")
    names = coming_names("echo")
    for name in names:
        os.mkfifo(tmp_path / name)
    files.write(b"lost")
    for name in names:
        (tmp_path / name).unlink()
    files.write(b"kept")
    files.close()
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == b"kept"
