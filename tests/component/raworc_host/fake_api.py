"""A fake API server that speaks the host protocol, with faults on demand."""

import json
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

PATIENCE = 15.0


class FakeApi:
    """The API server's side of one session: it hands out messages and collects answers."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.queue: deque[dict[str, Any]] = deque()
        self.processing: dict[str, Any] | None = None
        self.pieces: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.requests: list[tuple[float, str, str]] = []
        self.tokens: list[str] = []
        self.claim_reply: dict[str, Any] = {
            "session_id": "s-1",
            "space": "demo",
            "agent": None,
            "created_by": "anna",
            "metadata": {"team": "a", "tier": "gold"},
        }
        self.faults: dict[str, deque[int | str]] = {}
        """By last word of the path: statuses to answer with, 'drop', 'fenced' or 'hang'."""
        self.history: list[dict[str, Any]] = []
        self.claims = 0
        self.cancelled: set[str] = set()
        self.polling = 0
        """How many polls for a message wait for their answer."""
        self.is_released = False
        self.is_closing = False
        self.gives_next = True

    def send(self, content: str, **fields: Any) -> str:  # noqa: ANN401 - JSON
        """Queue a user's message; return its id."""
        with self.changed:
            message_id = str(fields.pop("id", f"m-{time.monotonic_ns()}"))
            self.queue.append(
                {
                    "id": message_id,
                    "role": "user",
                    "content": content,
                    "metadata": {},
                    "agent": None,
                    "created_at": "2030-01-02T03:04:05Z",
                    "attempt": 0,
                    **fields,
                }
            )
            self.changed.notify_all()
        return message_id

    def fault(self, word: str, *faults: int | str) -> None:
        """Answer the next requests for ``word`` with faults."""
        with self.changed:
            self.faults.setdefault(word, deque()).extend(faults)

    def wait_for(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
        """Wait until something has happened here."""
        with self.changed:
            assert self.changed.wait_for(condition, seconds), self.story()

    def answer_to(self, message_id: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait for the answer to a message."""
        self.wait_for(lambda: self._answer(message_id), seconds)
        answer = self._answer(message_id)
        assert answer is not None
        return answer

    def ask(
        self,
        content: str,
        seconds: float = PATIENCE,
        **fields: Any,  # noqa: ANN401 - JSON
    ) -> dict[str, Any]:
        """Send a message and return its answer."""
        return self.answer_to(self.send(content, **fields), seconds)

    def count(self, word: str) -> int:
        """Count the requests for ``word`` so far."""
        return sum(1 for _, _, path in self.requests if word in path)

    def story(self) -> str:
        """Say what has happened so far."""
        return f"requests: {[path for _, _, path in self.requests]}\nanswers: {self.answers}"

    def take(self) -> dict[str, Any] | None:
        """Hand out the oldest message (again, when its attempt is lost)."""
        if self.processing is None and self.queue:
            self.processing = self.queue.popleft()
        if self.processing is None:
            return None
        self.processing["attempt"] += 1
        return {"message": dict(self.processing), "history": list(self.history)}

    def _answer(self, message_id: str) -> dict[str, Any] | None:
        found = [answer for answer in self.answers if answer["message_id"] == message_id]
        assert len(found) <= 1, f"answered twice: {found}"
        return found[0] if found else None


class Handler(BaseHTTPRequestHandler):
    """One connection of the host."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    api: FakeApi

    def do_GET(self) -> None:
        """Answer the long poll."""
        if self._is_faulty():
            return
        with self.api.changed:
            self.api.polling += 1
            self.api.changed.notify_all()
            self.api.changed.wait_for(lambda: self._something() or self.api.is_closing, 20)
            self.api.polling -= 1
            if self.api.is_closing:
                self.close_connection = True
            turn = self.api.take()
        self._reply(200 if turn else 204, turn)

    def do_POST(self) -> None:
        """Answer everything else."""
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._is_faulty():
            return
        word = self.path.partition("?")[0].rpartition("/")[2]
        with self.api.changed:
            status, reply = getattr(self, f"_{word}")(payload)
            self.api.changed.notify_all()
        self._reply(status, reply)

    def handle(self) -> None:
        """Serve a connection, unless the host hangs up because it trusts nobody here."""
        with suppress(ssl.SSLError, ConnectionError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _something(self) -> bool:
        return bool(self.api.queue) or self.api.processing is not None

    def _claim(self, _payload: object) -> tuple[int, object]:
        self.api.claims += 1
        return 200, self.api.claim_reply

    def _pieces(self, payload: dict[str, Any]) -> tuple[int, object]:
        self.api.pieces.append(payload)
        return 204, None

    def _answers(self, payload: dict[str, Any]) -> tuple[int, object]:
        current = self.api.processing
        if current is None or current["id"] != payload["message_id"]:
            is_repeat = payload in self.api.answers
            return (200, {"next": None}) if is_repeat else (409, {"type": "/problems/conflict"})
        if current["attempt"] != payload["attempt"]:
            return 409, {"type": "/problems/conflict"}
        self.api.processing = None
        self.api.answers.append(payload)
        return 200, {"next": self.api.take() if self.api.gives_next else None}

    def _heartbeat(self, payload: dict[str, Any]) -> tuple[int, object]:
        def is_over() -> bool:
            current = self.api.processing
            return current is None or current["id"] != payload["message_id"]

        self.api.changed.notify_all()
        self.api.changed.wait_for(
            lambda: self.api.is_closing or is_over() or payload["message_id"] in self.api.cancelled,
            20,
        )
        return 200, {"cancel": payload["message_id"] in self.api.cancelled}

    def _release(self, _payload: object) -> tuple[int, object]:
        self.api.is_released = True
        return 204, None

    def _is_faulty(self) -> bool:
        word = self.path.partition("?")[0].rpartition("/")[2]
        with self.api.changed:
            self.api.requests.append((time.monotonic(), self.command, self.path))
            self.api.tokens.append(self.headers["Authorization"])
            faults = self.api.faults.get(word)
            fault = faults.popleft() if faults else None
            self.api.changed.notify_all()
        if fault is not None:
            self._misbehave(fault)
        return fault is not None

    def _misbehave(self, fault: int | str) -> None:
        if fault == "drop":
            self.close_connection = True
        elif fault == "hang":
            with self.api.changed:
                self.api.changed.wait_for(lambda: self.api.is_closing, 20)
            self.close_connection = True
        elif fault == "fenced":
            self._reply(409, {"type": "https://raworc.dev/problems/fenced", "detail": "not you"})
        else:
            self._reply(int(fault), {"title": "injected", "detail": f"injected {fault}"})

    def _reply(self, status: int, payload: object) -> None:
        body = b"" if payload is None else json.dumps(payload).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class FakeServer:
    """The fake API server as a thing that can be stopped and started at one address."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.port = 0
        self.tls: ssl.SSLContext | None = None
        self._server: ThreadingHTTPServer | None = None

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def start(self) -> None:
        """Listen, at the same port as before."""
        self.api.is_closing = False
        handler = type("BoundHandler", (Handler,), {"api": self.api})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            # The handshake is left to the connection's own thread.
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuse new connections and end the kept ones."""
        assert self._server is not None
        with self.api.changed:
            self.api.is_closing = True
            self.api.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._server = None
