"""What two people change through two doors at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.conftest import Connect, FreshName, NewSession
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.waiting import eventually

from raworc.client import Client

EDITS = 10


def at_once(*edits: Callable[[int], object]) -> None:
    """Make every edit ``EDITS`` times, all of them beside one another."""

    def repeat(edit: Callable[[int], object]) -> None:
        for number in range(1, EDITS + 1):
            edit(number)

    with ThreadPoolExecutor(len(edits)) as pool:
        for done in [pool.submit(repeat, edit) for edit in edits]:
            done.result()


def test_fields_of_a_space_changed_at_once_by_rest_and_kubectl_survive(
    connect: Connect, kubectl: Kubectl, fresh_space: FreshName
) -> None:
    name = fresh_space()

    def by_rest(number: int) -> None:
        with connect() as api:
            api.request("PATCH", f"/spaces/{name}", {"description": f"rest {number}"})

    def by_kubectl(number: int) -> None:
        kubectl.patch(("space", name), {"settings": {"kubectl": str(number)}})

    def spec() -> Manifest:
        return dict((kubectl.read("space", name) or {})["spec"])

    wanted = {"description": f"rest {EDITS}", "settings": {"kubectl": str(EDITS)}}
    with connect() as api:
        api.create_space(name, agents=[])
        kubectl.wait(("space", name), "condition=NamespaceReady")
        at_once(by_rest, by_kubectl)
        eventually(lambda: wanted.items() <= spec().items(), "both edits in the cluster")

        def shown() -> bool:
            view = api.request("GET", f"/spaces/{name}").json()
            return {key: view[key] for key in wanted} == wanted

        eventually(shown, "both edits in the API")


def test_a_session_closed_by_rest_keeps_what_kubectl_changed_at_once(
    api: Client, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("printing", closed=True)
    target = ("agentsession", session.name, "-n", f"raworc-{shared_space}")
    eventually(lambda: kubectl.read(*target), "the object of the session")

    def by_rest(number: int) -> None:
        # The last one closes it.
        (api.close_session if number % 2 == 0 else api.restore_session)(session.id)

    def by_kubectl(number: int) -> None:
        kubectl.patch(target, {"busyTimeoutSeconds": 1000 + number})

    at_once(by_rest, by_kubectl)
    wanted = {"closed": True, "busyTimeoutSeconds": 1000 + EDITS}

    def settled() -> bool:
        spec = (kubectl.read(*target) or {})["spec"]
        return bool(wanted.items() <= spec.items()) and api.read_session(session.id).closed

    eventually(settled, "both edits of the session")
