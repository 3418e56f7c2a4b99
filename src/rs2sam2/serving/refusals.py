"""What a request is refused with: a status, a type for programs, one line for people."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from rs2sam2.errors import OutputError, Rs2Sam2Error, printable

TYPES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    415: "unsupported_type",
    422: "invalid",
    429: "queue_full",
    503: "unavailable",
    504: "timeout",
}
"""By status."""

_log = logging.getLogger("rs2sam2.serving")


class Refusal(HTTPException):
    """A request that is not answered, and why."""

    def __init__(self, status: int, message: str, *, retry_after: float | None = None) -> None:
        """Give the HTTP `status`, a `message` of one line and, where it helps, when to ask again, in seconds."""
        headers = None if retry_after is None else {"Retry-After": str(max(1, round(retry_after)))}
        super().__init__(status, printable(message), headers)


def refusal_of(error: Rs2Sam2Error) -> Refusal:
    """An error of the package as the answer to a request that brought it about."""
    return Refusal(507 if isinstance(error, OutputError) else 422, str(error))


def refused(
    status: int, message: str, headers: Mapping[str, str] | None = None, details: Sequence[Any] = ()
) -> JSONResponse:
    """The response."""
    error: dict[str, Any] = {"type": TYPES.get(status, "error"), "message": message}
    if details:
        error["details"] = list(details)
    return JSONResponse({"error": error}, status, dict(headers or {}))


def install(app: FastAPI) -> None:
    """Give every error of an application the same shape."""

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return refused(error.status_code, str(error.detail), headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return refused(*_told(error.errors()))

    @app.exception_handler(Rs2Sam2Error)
    async def _ours(_: Request, error: Rs2Sam2Error) -> JSONResponse:
        refusal = refusal_of(error)
        return refused(refusal.status_code, refusal.detail)

    @app.exception_handler(ClientDisconnect)
    async def _gone(_: Request, __: ClientDisconnect) -> JSONResponse:
        return refused(
            499, "the client has left"
        )  # in the middle of its request: nobody reads this, and no log needs it

    @app.exception_handler(Exception)
    async def _unforeseen(_: Request, error: Exception) -> JSONResponse:
        _log.error("unforeseen: %s", error, exc_info=error)
        return refused(500, "the server failed at this: its log says more")


def invalid(errors: Sequence[Mapping[str, Any]]) -> JSONResponse:
    """The response to a request whose values do not fit, from pydantic's findings."""
    return refused(*_told(errors))


def _told(errors: Sequence[Mapping[str, Any]]) -> tuple[int, str, None, list[dict[str, str]]]:
    details = [
        {
            "where": ".".join(str(part) for part in error["loc"]),
            "message": printable(str(error["msg"]).removeprefix("Value error, ")),
        }
        for error in errors
    ]
    first = details[0]
    status = 400 if errors[0]["type"] == "json_invalid" else 422
    return status, printable(f"{first['where']}: {first['message']}"), None, details
