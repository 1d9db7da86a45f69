"""How kopf itself is to behave."""

import logging

import kopf

import raworc_operator.health
import raworc_operator.sessions.handlers
import raworc_operator.spaces.handlers  # noqa: F401 - to register them
from raworc_crds.group import COMPONENT_LABEL, SPACE_LABEL
from raworc_kube.objects import CLAIM, JOB, POD, QUOTA
from raworc_operator.labels import MANAGED_BY

# A watch that the server ends by itself is opened again at once; one that hangs is noticed.
_SERVER_TIMEOUT_SECONDS, _CLIENT_TIMEOUT_SECONDS = 300, 330
_REQUEST_TIMEOUT_SECONDS = 30
# What kopf holds of a list at once, and how long of each object after its event.
_PAGE, _IDLE_SECONDS = 100, 0.2
_EXIT_SECONDS = 10


def operator_settings() -> kopf.OperatorSettings:
    """Return kopf's settings; it only watches, and has no right to write into objects."""
    settings = kopf.OperatorSettings()
    settings.posting.level = logging.WARNING
    settings.posting.reporting_component = MANAGED_BY
    settings.watching.server_timeout = _SERVER_TIMEOUT_SECONDS
    settings.watching.client_timeout = _CLIENT_TIMEOUT_SECONDS
    settings.watching.chunk_size = _PAGE
    settings.queueing.idle_timeout = _IDLE_SECONDS
    settings.networking.request_timeout = _REQUEST_TIMEOUT_SECONDS
    settings.process.ultimate_exiting_timeout = _EXIT_SECONDS
    for kind, label in (
        (POD, COMPONENT_LABEL),
        (CLAIM, COMPONENT_LABEL),
        (JOB, COMPONENT_LABEL),
        (QUOTA, SPACE_LABEL),
    ):
        # Of a whole cluster's pods only those of Raworc come over the wire.
        settings.watching.label_selectors[kind.plural] = label
    return settings
