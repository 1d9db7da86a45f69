"""Where things lie in a build's pod and in the image, for the Job's builder and the checkout."""

from pathlib import Path

REQUEST_FILE = Path("/etc/raworc/request.json")
TERMINATION_LOG = Path("/dev/termination-log")
# With which the checkout ends where only the person who wrote the agent can help.
USER_ERROR_EXIT = 42

WORKSPACE = "/workspace"
CONTEXT = f"{WORKSPACE}/image"
DOCKERFILE = f"{WORKSPACE}/Dockerfile"

# In the image.
ROOT = "/opt/raworc"
AGENTS_FOLDER = "agents"
VENVS_FOLDER = "venvs"
AGENTS_FILE = "agents.json"
BASE_PYTHON = "/usr/bin/python3"
# The Python of the base image; an agent that names an older one runs on it too.
BASE_PYTHON_MINOR = 13
IMAGE_USER = 10001

# By which an image says of which build it is.
BUILD_KEY_LABEL = "dev.raworc.build-key"

# By which pip and others are told whom to trust while a build has authorities of its own.
TRUST_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO")
