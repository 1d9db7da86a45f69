"""The API group and every label and annotation that Raworc writes."""

GROUP = "raworc.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORY = "raworc"

SPACE_LABEL = f"{GROUP}/space"
SESSION_LABEL = f"{GROUP}/session"
COMPONENT_LABEL = f"{GROUP}/component"
# The id under which the API knows a session; the API sets it, see names.session_id.
SESSION_ID_LABEL = f"{GROUP}/session-id"
# Where version 0.1.0 of the API wrote what is in the status by now; the API takes it away.
HOST_ANNOTATION = f"{GROUP}/host"

# Audience of the projected token by which a session pod proves itself to the API.
TOKEN_AUDIENCE = "raworc-api"  # noqa: S105 - the name of an audience, not a token
