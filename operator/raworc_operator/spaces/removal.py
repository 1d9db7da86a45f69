"""What the owner references of a Space cannot clean up: its images in the registry."""

from raworc_crds.names import image_repository, space_namespace
from raworc_kube.objects import JOB, POD, Key
from raworc_operator.context import Context
from raworc_operator.labels import BUILD_COMPONENT, selector

_ENDED = {"Succeeded", "Failed"}


class NotYetError(Exception):
    """Something must end first."""


def remove_images(context: Context, name: str) -> None:
    """Delete the images of a space that is being deleted; may be repeated."""
    _stop_builds(context, space_namespace(name, context.settings.namespace_prefix))
    context.registry.delete_repository(image_repository(name))


def _stop_builds(context: Context, namespace: str) -> None:
    # A build that ends later would push an image that nobody deletes.
    labels = selector(component=BUILD_COMPONENT)
    for job in context.cluster.list_all(JOB, namespace, labels).items:
        key = Key(JOB, job["metadata"]["name"], namespace)
        context.cluster.delete(key, job["metadata"]["uid"])
    pods = context.cluster.list_all(POD, namespace, labels).items
    if any((pod.get("status") or {}).get("phase") not in _ENDED for pod in pods):
        raise NotYetError("A build is being stopped.")
