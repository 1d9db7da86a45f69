"""The operator's questions to the real sources, at a real registry and real Git servers."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from tests.support.registry import PULLER, RunningRegistry

from raworc_crds.space import SpaceReason
from raworc_operator.builds.sources import LocalSources
from raworc_sources.git import Git
from raworc_sources.problems import SourceError
from raworc_sources.protocol import (
    BaseImages,
    DeleteRepository,
    FindImage,
    ListRepositories,
    RepositoryRef,
    Resolve,
    SweepImages,
)
from raworc_sources.registry import ImageRegistry
from raworc_sources.server import make_app

COMMIT = "1" * 40
BASES = BaseImages(python="raworc/agent:1", node="raworc/node:1", rust="raworc/rust:1")


@contextmanager
def running(git: Git, registry: ImageRegistry) -> Iterator[LocalSources]:
    """Run the sources on a free port, and give the operator's client of them."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(git, registry), log_config=None))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield LocalSources(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Have a git that knows one commit, and never ends for a host that is called 'silent'."""
    program = tmp_path / "git"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in *silent*) exec sleep 60;; *slow*) sleep 2;; esac\n'
        f"printf '{COMMIT}\\tHEAD\\n'\n"
        f'echo "$*" >> {tmp_path}/asked\n'
    )
    program.chmod(0o755)
    return program


@pytest.fixture
def sources(
    program: Path, registry: ImageRegistry, server: RunningRegistry
) -> Iterator[LocalSources]:
    server.push("team/raworc/agent", "1")
    server.push("team/raworc/node", "1")
    hosts = {f"{kind}{number}.test" for kind in ("quick", "silent", "slow") for number in range(20)}
    with running(Git(frozenset(hosts), program=str(program)), registry) as client:
        yield client


def resolve(*hosts: str, asker: str = "space/1") -> Resolve:
    refs = tuple(RepositoryRef(repo=f"git://{host}/x", ref=None) for host in hosts)
    return Resolve(asker=asker, refs=refs, base_images=BASES)


def asked_again(ask: Callable[[], object]) -> object:
    """Ask until there is an answer, as the operator does."""
    while True:
        try:
            return ask()
        except SourceError as error:
            if not error.is_pending:
                raise
            time.sleep(0.1)


def test_commits_and_the_base_images_come_in_one_answer(sources: LocalSources) -> None:
    answer = sources.resolve(resolve("quick0.test", "quick1.test", "quick0.test"))
    assert answer.commits == (COMMIT, COMMIT, COMMIT)
    assert "/team/raworc/agent@sha256:" in answer.base_images.python
    assert "/team/raworc/node@sha256:" in str(answer.base_images.node)
    # Only whoever needs it misses it.
    assert answer.base_images.rust is None


def test_what_takes_long_is_pending_and_then_there(sources: LocalSources, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(SourceError) as pending:
        sources.resolve(resolve("slow0.test"))
    assert pending.value.is_pending
    assert time.monotonic() - began < 2
    asked_again(lambda: sources.resolve(resolve("slow0.test")))
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


def test_a_good_answer_is_given_once_and_each_asker_has_his_own(
    sources: LocalSources, tmp_path: Path
) -> None:
    for asker in ("space/1", "space/1", "space/2"):
        sources.resolve(resolve("quick0.test", asker=asker))
    assert len((tmp_path / "asked").read_text().splitlines()) == 3


def test_hosts_that_do_not_answer_hold_no_other_back(sources: LocalSources) -> None:
    # Two looks of each host hang, so that of ten threads four are left.
    for number in range(3):
        for asker in range(5):
            with pytest.raises(SourceError):
                sources.resolve(resolve(f"silent{number}.test", asker=str(asker)))
    began = time.monotonic()
    sources.resolve(resolve("quick0.test"))
    assert time.monotonic() - began < 1


def test_a_fault_has_its_reason_and_is_kept_for_a_while(
    program: Path, registry: ImageRegistry, tmp_path: Path
) -> None:
    program.write_text(
        f'#!/bin/sh\necho x >> {tmp_path}/asked\necho "repository not found" >&2\nexit 128\n'
    )
    with running(Git(frozenset({"git.test"}), program=str(program)), registry) as sources:
        for _ in range(3):
            with pytest.raises(SourceError) as fault:
                sources.resolve(resolve("git.test"))
            assert fault.value.reason == SpaceReason.REPOSITORY_NOT_FOUND
    assert (tmp_path / "asked").read_text() == "x\n"


def test_a_host_inside_is_refused_by_its_reason(program: Path, registry: ImageRegistry) -> None:
    with (
        running(Git(program=str(program)), registry) as sources,
        pytest.raises(SourceError) as fault,
    ):
        sources.resolve(resolve("127.0.0.1"))
    assert fault.value.reason == SpaceReason.REPOSITORY_REFUSED


def test_images_are_found_swept_listed_and_deleted(
    sources: LocalSources, server: RunningRegistry
) -> None:
    digest = server.push("team/raworc_space_a", "1", "key")
    server.push("team/raworc_space_a", "2", "other")
    find = FindImage(asker="a", repository="raworc_space_a", tag="1", build_key="key")
    assert sources.find_image(find) == digest
    sweep = SweepImages(
        asker="a", repository="raworc_space_a", keep_digests=(digest,), keep_tags=(), keep_newest=0
    )
    assert sources.sweep_images(sweep) == ("2",)
    listing = ListRepositories(asker="a", prefix="raworc_space_")
    assert sources.list_repositories(listing) == ("raworc_space_a",)
    sources.delete_repository(DeleteRepository(asker="a", repository="raworc_space_a"))
    assert sources.find_image(find) is None


def test_a_registry_that_refuses_the_account_is_waited_for(
    sources: LocalSources, server: RunningRegistry
) -> None:
    server.let_in(PULLER)
    with pytest.raises(SourceError, match="refuses the account") as fault:
        sources.resolve(resolve("quick0.test"))
    assert fault.value.reason == SpaceReason.REGISTRY_REFUSED
    assert fault.value.is_passing


def test_sources_that_are_away_are_waited_for() -> None:
    with pytest.raises(SourceError, match="'sources' does not answer") as fault:
        LocalSources(1).resolve(resolve("quick0.test"))
    assert fault.value.is_passing
