"""The service from Python, with nothing but the standard library.

>>> client = Client("http://127.0.0.1:8000")
>>> answer = client.segment("scene.jpg", "the blue-roofed building at the lower right")
>>> answer["answers"][0]["present"], answer["answers"][0]["area_px"]
"""

import json
import re
import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from rs2sam2.errors import ImageError, Rs2Sam2Error
from rs2sam2.files import whole_file

Reply = dict[str, Any]

_ID = re.compile("[ru]-[0-9a-f]{16,32}")
_ENDED = frozenset({"failed", "cancelled"})


class ServiceError(Rs2Sam2Error, RuntimeError):
    """The service refuses, or cannot be reached.

    Attributes:
        status: of HTTP; None if there was no answer.
        type: for programs ("queue_full"); None likewise.
        retry_after: seconds after which to ask again, if the service says so.
    """

    def __init__(
        self, message: str, status: int | None = None, kind: str | None = None, retry_after: float | None = None
    ) -> None:
        """Say what happened; `kind` is `type`."""
        super().__init__(message)
        self.status, self.type, self.retry_after = status, kind, retry_after


class Client:
    """A server, by its address."""

    def __init__(self, url: str = "http://127.0.0.1:8000", token: str | None = None, timeout: float = 120.0) -> None:
        """Talk to the server at `url`, with its token if it has one, and wait for answers `timeout` seconds."""
        self._url, self._token, self._timeout = url.partition("#")[0].rstrip("/"), token, timeout

    def about(self) -> Reply:
        """Version, weights and limits."""
        return self._json("GET", "/v1/about")

    def images(self) -> list[Reply]:
        """Images that the server has."""
        images: list[Reply] = self._json("GET", "/v1/images")["images"]
        return images

    def image(self, image: str) -> Reply:
        """One of them, by its id."""
        return self._json("GET", f"/v1/images/{image}")

    def upload(self, path: str | Path) -> Reply:
        """Send an image; the answer has its id.

        Raises:
            ImageError: there is no such file.
            ServiceError: it is refused.
        """
        return self._form("/v1/images", _read(path), Path(path).name, {})

    def segment(
        self,
        image: str | Path,
        expression: str | Sequence[str],
        *,
        points: Sequence[Sequence[float]] = (),
        labels: Sequence[int] = (),
        box: Sequence[float] | None = None,
        scene: Sequence[float] | None = None,
        threshold: float | None = None,
        **more: object,
    ) -> Reply:
        """Find what expressions mean.

        Args:
            image: id of an image that the server has, or the path of a file that is sent.
            expression: one, or several.
            points: (x, y) in pixels of the whole image; with one expression only.
            labels: of the points, 1 for "this, too", 0 for "not this".
            box: (x0, y0, x1, y1) around the thing, in pixels of the whole image.
            scene: (x0, y0, x1, y1) of the part to look at; None is the whole image.
            threshold: a pixel is in the mask where its probability is above this; None takes the weights' own.
            more: further fields of the request, as the OpenAPI document has them.

        Raises:
            ImageError: there is no such file.
            ServiceError: the request is refused.
        """
        asked: Reply = {"expressions": [expression] if isinstance(expression, str) else list(expression), **more}
        given = {"box": box, "scene": scene, "threshold": threshold}
        asked |= {name: value for name, value in given.items() if value is not None}
        if len(points):
            asked |= {"points": [list(point) for point in points], "labels": list(labels)}
        if isinstance(image, str) and _ID.fullmatch(image):
            return self._json("POST", "/v1/segment", asked | {"image": image})
        return self._form("/v1/segment", _read(image), Path(image).name, {"request": json.dumps(asked)})

    def result(self, result: str, **cut: object) -> Reply:
        """A result again, by its id; `threshold`, `min_area` and `simplify` may differ: the model does not run."""
        return self._json("GET", f"/v1/results/{result}" + (f"?{urlencode(cut)}" if cut else ""))

    def download(self, address: str, path: str | Path) -> None:
        """Write what lies at an address of the server, such as those in `files`, to a file."""
        target = Path(path)
        with self._open("GET", address) as response, whole_file(target) as temporary, temporary.open("wb") as file:
            while chunk := response.read(1 << 20):
                file.write(chunk)

    def start(self, image: str, expression: str | Sequence[str], **more: object) -> Reply:
        """Look for expressions in a whole raster; the answer has the job's id."""
        expressions = [expression] if isinstance(expression, str) else list(expression)
        return self._json("POST", "/v1/jobs", {"image": image, "expressions": expressions, **more})

    def events(self, job: str) -> Generator[Reply]:
        """How a job stands, at each change, until it has ended."""
        with self._open("GET", f"/v1/jobs/{job}/events") as response:
            for line in response:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    def wait(self, job: str) -> Reply:
        """How a job has ended.

        Raises:
            ServiceError: it has failed or was cancelled.
        """
        with closing(self.events(job)) as replies:
            for reply in replies:
                if reply["state"] == "done":
                    return reply
                if reply["state"] in _ENDED:
                    raise ServiceError(f"job {job}: {reply['error'] or reply['state']}")
        raise ServiceError(f"job {job}: the server has ended before it")

    def cancel(self, job: str) -> None:
        """Stop a job; forget one that has ended."""
        self._open("DELETE", f"/v1/jobs/{job}").close()

    def keep(self, result: str, *, answer: int = 0, threshold: float | None = None, category: str = "thing") -> Reply:
        """Keep a mask for a data set."""
        asked = {"result": result, "answer": answer, "threshold": threshold, "category": category}
        return self._json("POST", "/v1/corrections", asked)

    def _json(self, method: str, address: str, body: Mapping[str, Any] | None = None) -> Reply:
        data = None if body is None else json.dumps(body).encode()
        with self._open(method, address, data, "application/json") as response:
            reply: Reply = json.loads(response.read())
        return reply

    def _form(self, address: str, content: bytes, name: str, fields: Mapping[str, str]) -> Reply:
        boundary = secrets.token_hex(16)
        plain = re.sub(r'["\r\n\\]', "_", name)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
            for field, value in fields.items()
        ]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{plain}"\r\n'
        body = b"".join([*parts, head.encode(), b"\r\n", content, f"\r\n--{boundary}--\r\n".encode()])
        with self._open("POST", address, body, f"multipart/form-data; boundary={boundary}") as response:
            reply: Reply = json.loads(response.read())
        return reply

    def _open(
        self, method: str, address: str, data: bytes | None = None, content_type: str | None = None
    ) -> HTTPResponse:
        request = Request(self._url + address, data, method=method)
        if data is not None and content_type is not None:
            request.add_header("Content-Type", content_type)
        if self._token is not None:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            response: HTTPResponse = urlopen(request, timeout=self._timeout)
            return response
        except HTTPError as error:
            raise _refused(error) from error
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise ServiceError(f"{self._url}: no answer ({reason}): is rs2sam2 serve running there?") from error


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}): check the path") from error


def _refused(error: HTTPError) -> ServiceError:
    with error:
        text = error.read()
    retry = error.headers.get("Retry-After", "")
    try:
        told = json.loads(text)["error"]
        message, kind = str(told["message"]), str(told["type"])
    except (ValueError, KeyError, TypeError):
        message, kind = f"HTTP status {error.code}", None
    return ServiceError(message, error.code, kind, float(retry) if retry.isdecimal() else None)


__all__ = ["Client", "ServiceError"]
