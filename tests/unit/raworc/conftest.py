from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import httpx2
import pytest

from raworc.__main__ import run
from raworc.credentials import Credentials, store_credentials
from raworc.terminal import Terminal

Reply = httpx2.Response | Exception


@dataclass
class FakeApi:
    """Answers each request by the replies scripted for it, the last one for ever."""

    replies: dict[tuple[str, str], list[Reply]] = field(default_factory=dict)
    requests: list[httpx2.Request] = field(default_factory=list)

    def on(self, method: str, path: str, *replies: Reply) -> None:
        self.replies[method, f"/api/v0{path}"] = list(replies)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        script = self.replies[request.method, request.url.path]
        reply = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path)}


@pytest.fixture
def logged_in(environ: dict[str, str]) -> None:
    store_credentials(Credentials("http://api.test", "t0ken"), environ)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Say what is on standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", StringIO(text))


@pytest.fixture
def raworc(
    api: FakeApi, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Run the command line; return its exit code, what it printed and what it said about it."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run(arguments, Terminal(environ, transport=api.transport))
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return invoke
