"""Wires the host and runs it: ``python -P -m raworc_host``."""

import os
import sys

from raworc_host.answering import Answering
from raworc_host.connection import Connection
from raworc_host.door import Attention, Door
from raworc_host.heartbeat import Heartbeat
from raworc_host.host import Host
from raworc_host.piece_poster import PiecePoster
from raworc_host.platform_api import PlatformApi
from raworc_host.pod_token import PodToken
from raworc_host.settings import from_environment
from raworc_host.turn import Surroundings
from raworc_runner.stop import Stop


def main() -> int:
    """Run the host; return the exit code."""
    settings = from_environment(os.environ)
    stop = Stop()
    stop.install()
    door = Door(settings.socket)
    token = PodToken(settings.token_file)

    def api() -> PlatformApi:
        return PlatformApi(Connection(settings.api_url, settings.authorities), token)

    # Over connections of their own: a slow piece must not hold an answer back.
    surroundings = Surroundings(door, stop, Heartbeat(api()), PiecePoster(api()))
    answering = Answering(surroundings, settings.busy_timeout_seconds)
    return Host(api(), answering, Attention(door, stop)).run()


if __name__ == "__main__":
    sys.exit(main())
