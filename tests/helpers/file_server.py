"""A web server on the loopback interface that serves files well or badly, for the tests of downloads."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serves `files`, path -> content, under one of the faults below; notes requests as (path, range header).

    Attributes:
        fault: "" for none; "404" or "500"; "redirect"; "truncated": the body ends early, as if whole; "drops": the
            connection breaks off after half of what is asked for, as often as `drops` says; "ignores ranges";
            "stalls": half the body, then silence; "too long": a body that does not end where it should; "whole range":
            calls a part what is all of it; "calls it encoded": says that the archive is how the body is encoded.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.fault, self.drops = files, "", 1
        self.requests: list[tuple[str, str | None]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        wanted, fault = self.headers.get("Range"), self.server.fault
        path = self.path.lstrip("/")
        self.server.requests.append((path, wanted))
        if fault in ("404", "500"):
            return self.send_error(int(fault))
        if fault == "redirect" and not path.startswith("moved/"):
            self.send_response(302)
            self.send_header("Location", f"{self.server.address}/moved/{path}")
            return self.end_headers()
        content = self.server.files.get(path.removeprefix("moved/"))
        if content is None:
            return self.send_error(404)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and fault != "ignores ranges" else 0
        if start >= len(content):
            return self.send_error(416)
        body = content if fault == "whole range" else content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if fault == "calls it encoded":
            self.send_header("Content-Encoding", "gzip")
        if fault == "truncated":
            body = body[: len(body) // 2]
        if fault == "too long":
            body += b"!" * len(content) * 3
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "stalls" or (fault == "drops" and self.server.drops > 0):
            self.server.drops -= 1
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if fault == "stalls":
                time.sleep(5)
            self.close_connection = True
            return None
        self.wfile.write(body)
        return None

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[FileServer]:
    """A running `FileServer`."""
    with FileServer(files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
