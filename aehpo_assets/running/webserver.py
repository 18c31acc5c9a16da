"""Dagster's webserver behind checks of who asks: the UI obeys its own pages, and no others.

A browser sends requests to the UI for any web page that asks it to. What tells them apart are the
headers that no page can forge: ``Host``, ``Origin`` and ``Sec-Fetch-Site``. A name that leads to
this machine by a trick of its DNS is refused by the host, what other pages send by the origin, and
no mutation is carried out by a GET. There is no login: whoever reaches the port as a program, and
no web page, is obeyed. Run as ``python -m aehpo_assets.running.webserver``.
"""

from __future__ import annotations

import argparse
import ipaddress
import re
from collections.abc import Sequence
from typing import Any

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aehpo_assets.errors import InputError

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""Names by which only this machine is reached."""

_POLL_MILLISECONDS = 2000
_STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _OVERFLOW = 15_000, 3_600, 20
"""What ``dagster-webserver`` sets by default."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")


class SameOrigin:
    """Middleware that refuses what a browser sends for a page of another origin.

    A page may be opened by a link from anywhere; what changes something, a websocket, and what
    another page embeds may not. A change must be sent as JSON, which a form cannot do. Programs
    send none of these headers and are let through.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = _refusal(scope, Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_unframed(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A page of another origin that frames the UI could have its buttons clicked.
                MutableHeaders(scope=message)["X-Frame-Options"] = "SAMEORIGIN"
            await send(message)

        await self.app(scope, receive, send_unframed)


def _refusal(scope: Scope, headers: Headers) -> Response | None:
    """Return the answer to what is refused, or None."""
    if any(len(headers.getlist(name)) > 1 for name in ("host", "origin")):
        return PlainTextResponse("Refused: says twice where it comes from or goes to.", 400)
    changes = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD")
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != headers["host"].lower():
        return PlainTextResponse("Refused: sent by a page of another origin.", 403)
    opens_page = (
        scope["type"] == "http"
        and not changes
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not opens_page:
        return PlainTextResponse("Refused: sent by a page of another site.", 403)
    if changes and headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return PlainTextResponse("Refused: send application/json.", 415)
    return None


class GuardedWebserver(DagsterWebserver):
    """Dagster's webserver, for given names of this machine and its own pages.

    Parameters
    ----------
    context
        The workspace that is served.
    hosts
        Names by which browsers may address it.
    """

    def __init__(self, context: WorkspaceProcessContext, hosts: Sequence[str]):
        self._hosts = list(hosts)
        super().__init__(context, live_data_poll_rate=_POLL_MILLISECONDS)

    def build_middleware(self) -> list[Middleware]:
        """Return the checks, outermost first, and what Dagster has."""
        return [
            Middleware(TrustedHostMiddleware, allowed_hosts=self._hosts, www_redirect=False),
            Middleware(SameOrigin),
            *super().build_middleware(),
        ]

    async def graphql_http_endpoint(self, request: Request) -> Response:
        """Answer GraphQL that is posted; by GET there is only the page to write queries on."""
        if request.method != "POST" and "text/html" not in request.headers.get("Accept", ""):
            return PlainTextResponse("Refused: GraphQL is answered by POST only.", 405)
        return await super().graphql_http_endpoint(request)


def allowed_hosts(host: str, names: Sequence[str]) -> list[str]:
    """Return the names by which a UI that listens on an address may be addressed.

    Parameters
    ----------
    host
        The address to listen on.
    names
        What ``--allow-host`` adds to the names of the loopback.

    Raises
    ------
    InputError
        If a name is none, or the address lets other machines in and no name was given.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{name!r} is not the name of a host",
                key="--allow-host",
                remedy="Give it as it stands in the address bar, without scheme, port or wildcard.",
            )
    if not _is_loopback(host) and not names:
        raise InputError(
            f"{host!r} lets other machines in, and the UI has no login",
            key="--host",
            remedy="If whoever reaches the port may start and delete runs, say by --allow-host "
            "NAME how they address it; else leave out --host, and come through an SSH tunnel.",
        )
    own = [f"[{host}]" if ":" in host else host] if _is_loopback(host) else []
    return list(dict.fromkeys([*LOOPBACK, *own, *names]))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the instance of ``DAGSTER_HOME`` and a workspace until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--allow-host", action="append", default=[])
    given: Any = parser.parse_args(arguments)
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _OVERFLOW)
        target = WorkspaceFileTarget([given.workspace])
        with WorkspaceProcessContext(
            instance, version=__version__, workspace_load_target=target
        ) as context:
            app = GuardedWebserver(context, given.allow_host).create_asgi_app()
            uvicorn.run(
                app,
                host=given.host,
                port=given.port,
                log_level="warning",
                timeout_graceful_shutdown=3,
            )


if __name__ == "__main__":
    main()
