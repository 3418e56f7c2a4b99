"""A Hub on this machine that speaks as much of its protocol as downloading and uploading need, and can misbehave."""

import base64
import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LFS_FROM_BYTES = 10_000
GIVES_UP_AFTER = 400 * 2**20
"""Bytes of an endless answer: a test that fails should not fill a disk."""
NAME = "owner/name"
"""A model of ours that the fixture `hub` has."""


@dataclass
class Repository:
    """Files of one commit; the commit's name follows from them."""

    files: dict[str, bytes]
    private: bool = False
    refused: tuple[int, str] | None = None  # status and X-Error-Code

    @property
    def commit(self) -> str:
        return hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()


@dataclass
class LocalHub:
    """State of the server.

    Attributes:
        repositories: by `owner/name`.
        requests: "METHOD /path" of each, in order.
        breaks_after: bytes after which the connection is cut while such a file is sent, by file name.
        flipped: names of files whose last byte arrives wrong.
        endless: names of files, or "api" for listings, whose contents are followed by more, without an end.
        stalls: names of files of which half arrives, and then nothing.
        announced: sizes that the listing gives in place of the true ones, by file name.
        sent: bytes of endless answers that were sent.
        pays: what Authorization header uploading needs.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    breaks_after: dict[str, int] = field(default_factory=dict)
    flipped: set[str] = field(default_factory=set)
    endless: set[str] = field(default_factory=set)
    stalls: set[str] = field(default_factory=set)
    announced: dict[str, int | None] = field(default_factory=dict)
    sent: int = 0
    blobs: dict[str, bytes] = field(default_factory=dict)
    pays: str = "Bearer hf_right"
    url: str = ""
    stopped: Event = field(default_factory=Event)

    def __enter__(self) -> "LocalHub":
        hub = self

        class Handler(_Handler):
            state = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No network from now on."""
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def downloads(self) -> list[str]:
        """Requests for contents."""
        return [line for line in self.requests if line.startswith("GET ") and "/api/" not in line]


def is_lfs(content: bytes) -> bool:
    return len(content) >= LFS_FROM_BYTES


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: LocalHub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._get()

    def do_GET(self) -> None:
        self._get()

    def do_PUT(self) -> None:
        self._note()
        content = self._body()
        oid = urlsplit(self.path).path.rsplit("/", 1)[1]
        if hashlib.sha256(content).hexdigest() != oid:
            return self._json({"error": "other contents"}, 400)
        self.state.blobs[oid] = content
        return self._json({})

    def do_POST(self) -> None:
        self._note()
        path, body = urlsplit(self.path).path, self._body()
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if self.headers.get("Authorization") != self.state.pays:
            return self._json({"error": "Invalid username or password."}, 401)
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            if repo in self.state.repositories:
                return self._json({"error": "You already created this model repo", "url": self._page(repo)}, 409)
            private = asked.get("visibility") == "private" or asked.get("private", False)  # 2.x, 1.x
            self.state.repositories[repo] = Repository({}, private=private)
            return self._json({"url": self._page(repo), "name": repo})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", path):
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["size"] >= LFS_FROM_BYTES else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            return self._json({"files": modes})
        if path.endswith(".git/info/lfs/objects/batch"):
            objects = [
                {**file, "actions": {"upload": {"href": f"{self.state.url}/lfs/{file['oid']}"}}}
                for file in json.loads(body)["objects"]
            ]
            return self._json({"objects": objects, "transfer": "basic"})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            return self._commit(self.state.repositories[found[1]], found[1], body)
        return self._json({"error": f"not spoken here: {path}"}, 404)

    def _commit(self, repository: Repository, repo: str, body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                repository.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "lfsFile":
                repository.files[line["value"]["path"]] = self.state.blobs[line["value"]["oid"]]
        address = f"{self._page(repo)}/commit/{repository.commit}"
        self._json({"success": True, "commitOid": repository.commit, "commitUrl": address})

    def _get(self) -> None:
        self._note()
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        if found := re.fullmatch(r"/cdn/(\w+)/(.+)", path):
            return self._send_file(self.state.blobs[found[1]], found[2], {})
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path) or re.fullmatch(
            r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path
        )
        if found is None:
            return self._json({"error": f"not spoken here: {path}"}, 404)
        repository = self.state.repositories.get(found[1])
        if repository is None:
            return self._json({"error": "Repository not found"}, 404, "RepoNotFound")
        if repository.refused and not (path.startswith("/api/") and repository.refused[1] == "GatedRepo"):
            return self._json({"error": "Refused"}, *repository.refused)
        if found[2] not in (None, "main", "v1", repository.commit):
            return self._json({"error": "Invalid rev id"}, 404, "RevisionNotFound")
        if path.startswith("/api/"):
            return self._json(self._info(found[1], repository, blobs="blobs" in parse_qs(parts.query)))
        content = repository.files.get(found[3])
        if content is None:
            return self._json({"error": "Entry not found"}, 404, "EntryNotFound")
        headers = {"X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        if not is_lfs(content):
            return self._send_file(content, found[3], {**headers, "ETag": f'"{git_blob(content)}"'})
        sha256 = hashlib.sha256(content).hexdigest()
        self.state.blobs[sha256] = content
        linked = {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
        # Another host, as with the real Hub: redirects to its own are followed when only headers are wanted.
        elsewhere = self.state.url.replace("127.0.0.1", "localhost")
        self._start(302, {**headers, **linked, "Location": f"{elsewhere}/cdn/{sha256}/{found[3]}"}, 0)

    def _info(self, repo: str, repository: Repository, *, blobs: bool) -> dict[str, Any]:
        siblings = []
        for name, content in repository.files.items():
            sibling: dict[str, Any] = {"rfilename": name}
            if blobs:
                sibling |= {"size": self.state.announced.get(name, len(content)), "blobId": git_blob(content)}
                if is_lfs(content):
                    sha256 = hashlib.sha256(content).hexdigest()
                    sibling["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        return {"_id": "1", "id": repo, "modelId": repo, "sha": repository.commit, "siblings": siblings, "tags": []}

    def _send_file(self, content: bytes, name: str, headers: dict[str, str]) -> None:
        name = name.rsplit("/", 1)[-1]
        start, status = 0, 200
        if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start, status = int(asked[1]), 206
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        if name in self.state.flipped:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if name in self.state.endless and self.command == "GET":
            return self._send_without_end(content, headers)
        self._start(status, headers, len(content) - start)
        if self.command == "GET" and name in self.state.stalls:
            self.wfile.write(content[start : len(content) // 2])
            self.state.stopped.wait()
        elif self.command == "GET":
            end = self.state.breaks_after.get(name, len(content))
            with suppress(ConnectionError):
                self.wfile.write(content[start:end])
            self.close_connection = end < len(content)

    def _send_without_end(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
            self.send_header(name, value)
        self.end_headers()
        more = b" " * 2**20
        self.close_connection = True
        with suppress(ConnectionError):  # the other side has had enough
            while self.state.sent < GIVES_UP_AFTER:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
                self.state.sent += len(content)
                content = more

    def _json(self, answer: object, status: int = 200, code: str | None = None) -> None:
        content = json.dumps(answer).encode()
        headers = {"Content-Type": "application/json", **({"X-Error-Code": code} if code else {})}
        if "api" in self.state.endless and self.command == "GET":
            return self._send_without_end(content, headers, status)
        self._start(status, headers, len(content))
        if self.command != "HEAD":
            self.wfile.write(content)

    def _start(self, status: int, headers: dict[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def _page(self, repo: str) -> str:
        return f"{self.state.url}/{repo}"

    def _note(self) -> None:
        self.state.requests.append(f"{self.command} {urlsplit(self.path).path}")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while length := int(self.rfile.readline(), 16):
            content += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return content
