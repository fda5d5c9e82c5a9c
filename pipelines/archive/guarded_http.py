"""HTTP that keeps to :class:`UrlRules`: checked again at every request and at every connection, and no redirect.

A name is looked up when it is connected to, and may lead elsewhere than a moment before (DNS rebinding): so the address
is looked at where the socket is made, whoever asked for the connection. It does not know what is fetched.
"""

from __future__ import annotations

import socket
from typing import Any

import aiohttp
from fsspec.implementations.http import HTTPFileSystem

from pipelines.archive.url_rules import UrlRefused, UrlRules

_CONNECT_S = 30.0
_SILENT_S = 60.0
_ALL_S = 600.0


class GuardedHttp(HTTPFileSystem):
    """fsspec's file system of the web, of which only what the rules allow can be opened.

    fsspec calls a file that it could not ask about *not found*; ``refused`` is why, if we were it.
    """

    cachable = False

    def __init__(self, rules: UrlRules) -> None:
        super().__init__(get_client=self._client)
        self.rules = rules
        self.refused: UrlRefused | None = None

    async def _client(self, **_options: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=self._socket),
            middlewares=(self._asked,),
            timeout=aiohttp.ClientTimeout(total=_ALL_S, sock_connect=_CONNECT_S, sock_read=_SILENT_S),
            trust_env=False,
        )

    def _socket(self, found: tuple[Any, ...]) -> socket.socket:
        """A socket for an address that a name led to, or that the URL itself gave."""
        family, kind, protocol, _, address = found
        try:
            self.rules.check_address(str(address[0]))
        except UrlRefused as error:
            self.refused = error
            raise
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    async def _asked(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        try:
            self.rules.check(str(request.url))
            response = await handler(request)
            if 300 <= response.status < 400:
                response.close()
                raise UrlRefused("the host answers with another address, and those are not followed")
        except UrlRefused as error:
            self.refused = error
            raise
        return response
