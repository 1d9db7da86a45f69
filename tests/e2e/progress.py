"""How far a Space, a session or a message got, asked of the API until it is far enough."""

from contextlib import suppress

from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.waiting import BUILT, STARTED, eventually

from raworc.client import Client
from raworc.errors import RaworcError
from raworc.records import Message, Session

# Reasons of `Built` that pass without a person's help.
UNDER_WAY = {"Resolving", "Building", "RepositoryUnreachable", "RegistryUnreachable"}


def answers(url: str) -> bool:
    """Tell whether the API answers at an address."""
    with Client(url) as client, suppress(RaworcError):
        return bool(client.version())
    return False


def await_built(client: Client, space: str) -> None:
    """Wait until a Space is built and ready; a build that failed for good ends the waiting."""

    def settled() -> bool:
        conditions = {one.type: one for one in client.read_space(space).conditions}
        built = conditions.get("Built")
        if built is None or built.status != "True":
            assert built is None or built.reason in UNDER_WAY, built
            return False
        return conditions["Ready"].status == "True"

    eventually(settled, f"Space {space} ready", BUILT)


def await_unbuilt(kubectl: Kubectl, space: str, reason: str) -> Manifest:
    """Wait until a space says that it is not built, and why."""
    path = "jsonpath={.status.conditions[?(@.type=='Built')].reason}"
    kubectl.wait(("space", space), f"{path}={reason}", BUILT)
    built = kubectl.condition(("space", space), "Built")
    assert built["status"] == "False"
    return built


def await_state(client: Client, session_id: str, *states: str) -> Session:
    """Wait until a session is in one of the states."""

    def seen() -> Session | None:
        session = client.read_session(session_id)
        return session if session.state in states else None

    return eventually(seen, f"session {session_id} {' or '.join(states)}", STARTED)


def settled(api: Client, message: Message) -> Message:
    """Wait until a message is answered, failed or cancelled."""

    def seen() -> Message | None:
        now = api.read_message(message.session_id, message.id)
        return now if now.status in {"answered", "failed", "cancelled"} else None

    return eventually(seen, f"message {message.content!r} settled", STARTED)


def answer(api: Client, message: Message) -> str:
    """Wait for the one answer of a message."""
    assert settled(api, message).status == "answered"
    replies = [one for one in api.list_messages(message.session_id) if one.reply_to == message.id]
    assert len(replies) == 1
    return replies[0].content
