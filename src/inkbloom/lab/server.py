"""The lab's web server: a fixed table of files, given to this machine alone."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import PurePosixPath
from socketserver import ThreadingTCPServer

from ..errors import UsageError
from .site import MIME, Files, content, policy

HOST = "127.0.0.1"
PORT = 7840
TRIED = 50  # ports, from PORT on
LOCAL = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
HEADERS = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class Server(ThreadingTCPServer):
    """Gives out `table` at 127.0.0.1. Raises OSError where the port is not free."""

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would let two programs have one port
    request_queue_size = 64

    def __init__(self, table: Files, port: int) -> None:
        self.table = table
        super().__init__((HOST, port), Handler)

    @property
    def port(self) -> int:
        """The port, also where 0 was asked for, which means any."""
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away is no news; anything else is a bug and tells where."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the names of the table, and refuses everything else."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "inkbloom", ""
    timeout = 60  # seconds that an idle connection is kept
    disable_nagle_algorithm = True  # else many a small file waits 40 ms for the browser to confirm its headers

    def do_GET(self) -> None:
        """Sends a file."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Sends what GET would, without the file."""
        self._answer(body=False)

    def _refuse_method(self) -> None:
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED, explain="The lab only gives files out: GET and HEAD")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse_method

    def _answer(self, body: bool) -> None:
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not LOCAL.fullmatch(hosts[0].strip()):  # another page's name that was made to lead here
            return self.send_error(HTTPStatus.FORBIDDEN, explain="The lab answers to 127.0.0.1 and localhost only")
        name = self.path.partition("?")[0].removeprefix("/") or "index.html"
        if name not in self.server.table:  # names are compared as they are: nothing is decoded, no path is walked
            return self.send_error(HTTPStatus.NOT_FOUND)
        try:
            data = content(self.server.table[name])
        except OSError:
            return self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, explain="The file is gone: install inkbloom again")
        tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        known = tag in self.headers.get("If-None-Match", "")
        self.send_response(HTTPStatus.NOT_MODIFIED if known else HTTPStatus.OK)
        self.send_header("ETag", tag)
        if not known:
            self.send_header("Content-Type", MIME[PurePosixPath(name).suffix])
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body and not known:
            self.wfile.write(data)

    def end_headers(self) -> None:
        """Ends every answer, also those of errors, with the headers that keep the page to itself."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


def open_server(table: Files, port: int | None = None) -> Server:
    """A server that listens already. port: None: PORT, or the next one that is free; 0: any. Raises UsageError."""
    ports: Iterable[int] = range(PORT, PORT + TRIED) if port is None else [port]
    for number in ports:
        try:
            return Server(table, number)
        except (OSError, OverflowError) as problem:
            last = f"port {number} cannot be used ({getattr(problem, 'strerror', None) or problem})"
    raise UsageError(f"{last}: {'give a free one with --port' if port is None else 'give another --port, or leave it out'}")
