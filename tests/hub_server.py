"""A web server that speaks enough of the Hub's protocol to serve models and data sets from folders, and to take models.

What is read needs no login; what is written needs the token WRITER, and nobody may write below `closed/`.
"""

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WRITER = "hf_writerswriterswriters"
REFUSED = {"login": (401, ""), "gated": (403, "GatedRepo")}


class _Handler(BaseHTTPRequestHandler):
    """ROOT/models/ORG/NAME and ROOT/datasets/ORG/NAME hold the files of one revision, `main`."""

    protocol_version = "HTTP/1.1"
    root: Path
    seen: list[str]
    broken = False

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        if any(part in path for part in ("/preupload/", "/commit/", "/branch/", "/repos/create", ".git/", "yaml")):
            self.seen.append(f"POST {path}")
            self.take(path)
        else:
            self.asked = json.loads(self.body or b"{}")
            self.answer()

    def do_PUT(self) -> None:
        """The content of a large file."""
        name = self.path.rpartition("/")[2]
        self.seen.append("PUT large")
        content = self.rfile.read(int(self.headers["Content-Length"]))
        fits = sha256(content).hexdigest() == name and not self.broken
        if fits:
            (self.root / ".large").mkdir(exist_ok=True)
            (self.root / ".large" / name).write_bytes(content)
        self.reply(200 if fits else 500, b"", {})

    def take(self, path: str) -> None:
        """What makes and changes repositories."""
        if path == "/api/validate-yaml":
            front = self.json()["content"].partition("---\n")[2].partition("\n---")[0]
            wrong = [] if front else [{"message": "no metadata"}]
            self.reply(400 if wrong else 200, json.dumps({"errors": wrong, "warnings": []}).encode(), {})
            return
        names = [self.json()["organization"], self.json()["name"]] if path == "/api/repos/create" else _owner(path)
        folder = self.root / "models" / "/".join(names)
        if self.headers.get("Authorization") != f"Bearer {WRITER}":
            self.refuse(401, "")
        elif names[0] == "closed":
            self.refuse(403, "")
        elif path == "/api/repos/create":
            self.create(folder, "/".join(names))
        elif not folder.is_dir():
            self.refuse(404, "RepoNotFound")
        elif path.endswith("/objects/batch"):
            self.send_json({"transfer": "basic", "objects": [self.place(one) for one in self.json()["objects"]]})
        else:
            getattr(self, path.split("/")[5])(folder, path.rpartition("/")[2])

    def create(self, folder: Path, repository: str) -> None:
        """A new repository."""
        address = f"http://{self.headers['Host']}/{repository}"
        if not folder.is_dir():
            folder.mkdir(parents=True)
            (folder / ".private").write_text(self.json().get("visibility") or "")
            self.send_json({"url": address})
        else:
            self.reply(409, json.dumps({"url": address}).encode(), {})

    def place(self, one: dict[str, Any]) -> dict[str, Any]:
        """Where the content of a large file goes; nowhere where it is there already."""
        known = (self.root / ".large" / one["oid"]).is_file()
        upload = {"upload": {"href": f"http://{self.headers['Host']}/large/{one['oid']}"}}
        return one | ({} if known else {"actions": upload})

    def preupload(self, folder: Path, revision: str) -> None:
        """Which files are large."""
        files = [
            {
                "path": one["path"],
                "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular",
                "shouldIgnore": False,
            }
            for one in self.json()["files"]
        ]
        self.send_json({"files": files})

    def branch(self, folder: Path, revision: str) -> None:
        """A new branch; on this server it begins empty."""
        made = _branch(folder, revision)
        self.reply(409 if made.is_dir() else 200, b"{}", {})
        made.mkdir(exist_ok=True)

    def commit(self, folder: Path, revision: str) -> None:
        """All files of a commit at once."""
        branch = _branch(folder, revision)
        if not branch.is_dir():
            self.refuse(404, "RevisionNotFound")
            return
        for line in self.body.splitlines():
            kind, value = (json.loads(line)[key] for key in ("key", "value"))
            if kind == "header":
                (folder / ".message").write_text(value["summary"])
                continue
            target = branch / value["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            large = self.root / ".large" / value.get("oid", "")
            target.write_bytes(base64.b64decode(value["content"]) if kind == "file" else large.read_bytes())
        address = f"http://{self.headers['Host']}/{folder.parent.name}/{folder.name}/commit/{COMMIT}"
        self.send_json({"commitUrl": address, "commitOid": COMMIT})

    def json(self) -> Any:
        """The body of the request."""
        return json.loads(self.body)

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
        names = (str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file())
        files = [name for name in names if not name.startswith(".")]
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
            hidden = (folder / ".private").is_file() and (folder / ".private").read_text() == "private"
            facts = {"id": repository, "sha": COMMIT, "private": hidden, "gated": False, "disabled": False}
            self.send_json(facts | {"siblings": siblings, "tags": [], "downloads": 0, "likes": 0})

    def send_file(self, folder: Path, revision: str, name: str) -> None:
        """A file of the one revision."""
        folder = _branch(folder, revision)
        if not folder.is_dir():
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


def _owner(path: str) -> list[str]:
    """["org", "name"] of /api/models/org/name/... or /org/name.git/..."""
    return path.removeprefix("/api/models").replace(".git/", "/").split("/")[1:3]


def _branch(folder: Path, revision: str) -> Path:
    """Where the files of a branch are; those of main (and of its one commit) are in the folder itself."""
    return folder if revision in ("main", COMMIT) else folder.with_name(f"{folder.name}@{revision}")


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
