"""What a container of a build leaves behind when it ends."""

import json
import sys

from raworc_sources.checkout.layout import TERMINATION_LOG
from raworc_sources.problems import SourceError

# Of what a container may say when it ends, the kubelet keeps so much.
_MAX_MESSAGE = 2000


def leave_reason(error: SourceError) -> None:
    """Tell the operator, and the log, why it cannot be done."""
    word = {"reason": error.reason, "message": str(error)[:_MAX_MESSAGE]}
    TERMINATION_LOG.write_text(json.dumps(word), encoding="utf-8")
    sys.stderr.write(f"{error.reason}: {error}\n")
