"""Runs the sources: ``python -m raworc_sources``."""

import logging
import os

import uvicorn

from raworc_sources.protocol import PORT
from raworc_sources.server import make_app
from raworc_sources.settings import from_environment


def main() -> None:
    """Answer until told to stop."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    settings = from_environment(os.environ)
    # On loopback: of the pod's containers the operator asks, and nobody from outside.
    uvicorn.run(
        make_app(settings.git, settings.registry),
        host="127.0.0.1",
        port=PORT,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
