"""Logs: one line of JSON each, without what is asked all day and without anything secret."""

import json
import logging
import sys
from datetime import UTC, datetime

# What probes, peers and hosts ask all day tells nobody anything; hosts only where it goes well.
_QUIET = {"/health", "/ready", "/internal/wake", "/api/v0/health", "/api/v0/ready"}
_QUIET_OF_HOSTS = {
    f"/api/v0/host/{request}" for request in ("messages/next", "heartbeat", "pieces")
}
_ACCESS_PATH, _ACCESS_STATUS = 2, 4
_FIRST_FAILURE = 400


class JsonLine(logging.Formatter):
    """Writes a record as one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """Leave out requests that come all day."""
    if not isinstance(record.args, tuple) or len(record.args) <= _ACCESS_STATUS:
        return True
    path = str(record.args[_ACCESS_PATH]).partition("?")[0]
    has_failed = int(str(record.args[_ACCESS_STATUS])) >= _FIRST_FAILURE
    return path not in _QUIET and (has_failed or path not in _QUIET_OF_HOSTS)


def configure_logs() -> None:
    """Send every log to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").addFilter(is_worth_a_line)
    # Each hint to a peer would be a line.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
