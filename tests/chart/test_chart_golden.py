"""Every object of the chart as a whole, in the form that a person has read."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any

from tests.support.golden import Golden

Manifest = dict[str, Any]


def test_the_chart_renders_what_was_read(
    render: Callable[..., list[Manifest]], golden: Golden
) -> None:
    objects = render()
    named = {f"{one['kind']}/{one['metadata']['name']}": _lasting(one) for one in objects}
    assert len(named) == len(objects)
    golden.check("default", named)


def _lasting(manifest: Manifest) -> Any:  # noqa: ANN401 - any part of a manifest
    """Say of what is generated anew each time only how long it is."""
    if manifest["kind"] == "Secret":
        data = {key: _size(b64decode(value).decode()) for key, value in manifest["data"].items()}
        return {**manifest, "data": data}
    return _without_checksums(manifest)


def _size(text: str) -> str:
    return f"{len(text)} characters"


def _without_checksums(part: Any) -> Any:  # noqa: ANN401 - any part of a manifest
    if isinstance(part, list):
        return [_without_checksums(one) for one in part]
    if isinstance(part, dict):
        return {
            key: _size(value) if key.startswith("checksum/") else _without_checksums(value)
            for key, value in part.items()
        }
    return part
