"""Listing and watching one kind of object, for as long as the mirror runs here."""

import logging
import threading
from collections.abc import Callable

from raworc_api.mirror.inbox import Inbox, Listed, Seen
from raworc_api.mirror.outbox import RecordKey
from raworc_kube.client import Cluster, Event
from raworc_kube.errors import ClusterError, VersionGoneError
from raworc_kube.objects import Kind, Manifest

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0

logger = logging.getLogger(__name__)


class Watch:
    """Puts into the inbox all objects of a kind, and then whatever happens to them."""

    def __init__(
        self,
        cluster: Cluster,
        resource: Kind,
        place: Callable[[Manifest], RecordKey | None],
        inbox: Inbox,
    ) -> None:
        self._cluster = cluster
        self._resource = resource
        self._place = place
        self._inbox = inbox
        self._version: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Watch until ``stop`` is set; ends within a minute of it."""
        pause = _FIRST_PAUSE
        while not stop.is_set():
            try:
                self._follow(stop)
                pause = _FIRST_PAUSE
            except VersionGoneError:
                self._version = None
            except ClusterError as error:
                logger.warning("Watching %s: %s", self._resource.plural, error)
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _follow(self, stop: threading.Event) -> None:
        if self._version is None:
            self._version = self._list()
        for event in self._cluster.watch(self._resource, self._version):
            if stop.is_set():
                return
            self._take(event)

    def _list(self) -> str:
        listing = self._cluster.list_all(self._resource)
        for manifest in listing.items:
            self._put(manifest)
        places = (self._place(manifest) for manifest in listing.items)
        present = frozenset(place for place in places if place is not None)
        self._inbox.put(Listed(self._resource.name, present))
        return listing.version

    def _take(self, event: Event) -> None:
        self._version = event.manifest["metadata"]["resourceVersion"]
        if event.type != "BOOKMARK":
            self._put(event.manifest, is_deleted=event.type == "DELETED")

    def _put(self, manifest: Manifest, *, is_deleted: bool = False) -> None:
        # Who owns which field is the bulk of an object, and nothing that the mirror asks.
        manifest["metadata"].pop("managedFields", None)
        self._inbox.put(Seen(self._resource.name, manifest, is_deleted))
