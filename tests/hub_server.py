"""A web server that speaks enough of the Hub's protocol to serve models and data sets from folders."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REFUSED = {"login": (401, ""), "gated": (403, "GatedRepo")}


class _Handler(BaseHTTPRequestHandler):
    """ROOT/models/ORG/NAME and ROOT/datasets/ORG/NAME hold the files of one revision, `main`."""

    protocol_version = "HTTP/1.1"
    root: Path
    seen: list[str]

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.seen.append(f"{self.command} {path}")
        kind = "datasets" if path.startswith(("/datasets/", "/api/datasets/")) else "models"
        inner = re.sub(r"^/(api/)?((models|datasets)/)?", "", path)
        repository, _, rest = inner.partition("/resolve/" if not path.startswith("/api/") else "\0")
        if path.startswith("/api/"):
            parts = inner.split("/")
            repository, rest = "/".join(parts[:2]), "/".join(parts[2:])
        folder, name = self.root / kind / repository, repository.rpartition("/")[2]
        if name in REFUSED:
            self.refuse(*REFUSED[name])
        elif not folder.is_dir():
            self.refuse(404, "RepoNotFound")
        elif path.startswith("/api/"):
            self.describe(folder, repository, rest)
        else:
            self.send_file(folder, *rest.split("/", 1))

    def describe(self, folder: Path, repository: str, rest: str) -> None:
        """Facts of a repository, its tree, or some of its paths."""
        files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
        what, _, where = rest.partition("/")
        if what == "paths-info":
            self.send_json([_entry(folder, folder / name) for name in self.asked["paths"] if (folder / name).exists()])
        elif what == "tree":
            below = folder / where.partition("/")[2]
            found = below.rglob("*") if "recursive=true" in self.path.lower() else below.glob("*")
            self.send_json([_entry(folder, path) for path in sorted(found)])
        elif what == "revision" and where not in ("main", COMMIT):
            self.refuse(404, "RevisionNotFound")
        else:
            siblings = [{"rfilename": name} for name in files]
            facts = {"id": repository, "sha": COMMIT, "private": False, "gated": False, "disabled": False}
            self.send_json(facts | {"siblings": siblings, "tags": [], "downloads": 0, "likes": 0})

    def send_file(self, folder: Path, revision: str, name: str) -> None:
        """A file of the one revision."""
        if revision not in ("main", COMMIT):
            self.refuse(404, "RevisionNotFound")
        elif not (folder / name).is_file():
            self.refuse(404, "EntryNotFound")
        else:
            content = (folder / name).read_bytes()
            self.reply(200, content, {"ETag": f'"{sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT})

    def send_json(self, value: Any) -> None:
        self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str) -> None:
        headers = {"X-Error-Code": code} if code else {}
        self.reply(status, b"{}", headers)

    def reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _entry(folder: Path, path: Path) -> dict[str, Any]:
    name = str(path.relative_to(folder))
    if path.is_dir():
        return {"type": "directory", "path": name, "size": 0, "oid": COMMIT}
    content = path.read_bytes()
    return {"type": "file", "path": name, "size": len(content), "oid": sha1(content).hexdigest()}


@contextmanager
def serve(root: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a server over `root`, and the requests that it saw."""
    seen: list[str] = []
    handler = type("Handler", (_Handler,), {"root": root, "seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
