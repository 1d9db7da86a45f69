"""What a build asks of a runtime."""

import re
import tomllib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from raworc_crds.manifest import MANIFEST_NAME, AgentManifest
from raworc_crds.space import SpaceReason
from raworc_sources.checkout.layout import AGENTS_FOLDER, ROOT
from raworc_sources.problems import SourceError


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """An agent whose code is here."""

    name: str
    folder: Path
    manifest: AgentManifest

    @property
    def place(self) -> str:
        """Its folder in the image."""
        return f"{ROOT}/{AGENTS_FOLDER}/{self.name}"

    def has(self, file: str) -> bool:
        """Say whether it has a file."""
        return (self.folder / file).is_file()

    def read(self, file: str) -> str:
        """Read one of its files; what is not UTF-8 in it is of no account here."""
        return (self.folder / file).read_text(encoding="utf-8", errors="replace")

    def read_toml(self, file: str) -> dict[str, Any]:
        """Read one of its files as TOML, or say where it is none."""
        try:
            return tomllib.loads(self.read(file))
        except tomllib.TOMLDecodeError as error:
            words = f"'{file}' is not TOML: {error}"
            raise self.refuse(SpaceReason.INVALID_MANIFEST, words) from error

    def refuse(self, reason: SpaceReason, words: str) -> SourceError:
        """Say what is wrong with it."""
        return SourceError(reason, f"Agent '{self.name}': {words}.")

    def lacks_handler(self, handler: str, why: str) -> SourceError:
        """Say that its handler is not where it should be."""
        words = f"the handler '{handler}' does not exist: {why}"
        return self.refuse(SpaceReason.HANDLER_NOT_FOUND, words)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is run while an image is built."""

    name: str
    script: str


@dataclass(frozen=True, slots=True)
class Installation:
    """What is run for one agent while the image is built, and what runs the agent then."""

    agent: str
    runtime: "Runtime"
    steps: tuple[Step, ...] = ()
    program: str | None = None
    """The interpreter or the binary that runs it."""
    commands: str | None = None
    """Where the programs of its packages are."""


class Runtime(ABC):
    """One runtime: how its agents are checked and installed."""

    name: ClassVar[str]
    """As the runner knows it."""
    names: ClassVar[re.Pattern[str]]
    """As manifests name it."""
    handlers: ClassVar[re.Pattern[str]]
    handler_form: ClassVar[str]
    """What a handler's name must be, in words."""

    def require(self, agent: CheckedOut) -> None:
        """Refuse an agent whose manifest asks for what this runtime does not have."""
        handler = agent.manifest.handler
        if handler is not None and not self.handlers.fullmatch(handler):
            words = f"the handler '{handler}' in '{MANIFEST_NAME}' must be {self.handler_form}"
            raise agent.refuse(SpaceReason.INVALID_MANIFEST, words)

    @abstractmethod
    def handler(self, agent: CheckedOut) -> str:
        """Return the name of an agent's handler."""

    @abstractmethod
    def check(self, agent: CheckedOut) -> None:
        """Refuse an agent whose handler is not there, by reading its code and not by running it."""

    @abstractmethod
    def installation(self, agent: CheckedOut) -> Installation:
        """Say what is run for an agent while the image is built."""


def commanded(agent: CheckedOut) -> tuple[Step, ...]:
    """Return the step of the manifest's own command, if it has one."""
    command = agent.manifest.build_command
    return (Step("build_command", command),) if command else ()
