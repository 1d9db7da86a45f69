"""Where things lie in a build's pod and in the image, for the Job's builder and the checkout."""

from pathlib import Path

REQUEST_FILE = Path("/etc/raworc/request.json")
TERMINATION_LOG = Path("/dev/termination-log")
# With which the checkout ends where only the person who wrote the agent can help.
USER_ERROR_EXIT = 42

WORKSPACE = "/workspace"
CONTEXT = f"{WORKSPACE}/image"
DOCKERFILE = f"{WORKSPACE}/Dockerfile"

# The images that are built on, and the one that is built.
IMAGES = "/images"
BASE_IMAGES = "base"
BUILT_IMAGE = "built"

# In the image.
ROOT = "/opt/raworc"
AGENTS_FOLDER = "agents"
VENVS_FOLDER = "venvs"
BINARIES_FOLDER = "binaries"
AGENTS_FILE = "agents.json"
BASE_PYTHON = "/usr/bin/python3"
# The Python of the base image; an agent that names an older one runs on it too.
BASE_PYTHON_MINOR = 13
IMAGE_USER = 10001
BASE_NODE = "/usr/bin/node"
# What installs the packages of agents that it, or its like, has locked.
UV_VERSION = "0.13.9"
PNPM_VERSION = "10"

# How the log of a build says where it failed, in its last line but for the builder's own.
FAILED_STEP = "Agent '{agent}' failed in step '{step}'."

# By which an image says of which build it is.
BUILD_KEY_LABEL = "dev.raworc.build-key"

# How pip, npm, cargo and others are told whom to trust while a build has authorities of its own.
TRUST_VARIABLES = (
    "PIP_CERT",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HTTP_CAINFO",
)
