"""Runs the checkout: ``python -m raworc_sources.checkout [--authorities FILE]``."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from raworc_sources.checkout.assemble import assemble
from raworc_sources.checkout.layout import (
    CONTEXT,
    DOCKERFILE,
    REQUEST_FILE,
    USER_ERROR_EXIT,
    WORKSPACE,
)
from raworc_sources.checkout.request import CheckoutRequest
from raworc_sources.git import Git
from raworc_sources.problems import SourceError, UnreachableError
from raworc_sources.termination import leave_reason


def main() -> int:
    """Do it, or leave word of why it cannot be done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--authorities", type=Path)
    arguments = parser.parse_args()
    request = CheckoutRequest.model_validate_json(REQUEST_FILE.read_bytes())
    git = Git(request.internal_git_hosts, arguments.authorities)
    try:
        with TemporaryDirectory(dir=WORKSPACE) as scratch:
            dockerfile = assemble(request, git, Path(scratch), Path(CONTEXT))
    except SourceError as error:
        leave_reason(error)
        return 1 if isinstance(error, UnreachableError) else USER_ERROR_EXIT
    Path(DOCKERFILE).write_text(dockerfile, encoding="utf-8")
    sys.stdout.write(dockerfile)
    return 0


if __name__ == "__main__":
    sys.exit(main())
