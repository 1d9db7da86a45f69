#!/usr/bin/env python3
"""Proves that the API server is alive, ready and lets the first account in (`helm test`)."""

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

SECONDS = 10


def main(url: str, password_file: str) -> None:
    """Ask for health, readiness and the version, then log in."""
    for path in ("health", "ready", "version"):
        with urlopen(f"{url}/api/v0/{path}", timeout=SECONDS) as answer:  # noqa: S310 - http only
            sys.stdout.write(f"{path}: {answer.status}\n")
    credentials = {"user": "admin", "pass": Path(password_file).read_text()}
    login = Request(  # noqa: S310 - the chart's own address
        f"{url}/api/v0/auth/login",
        data=json.dumps(credentials).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(login, timeout=SECONDS) as answer:  # noqa: S310 - http only
        sys.stdout.write(f"login: {answer.status}, {json.load(answer)['token_type']}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
