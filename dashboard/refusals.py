"""Every error as `{"code", "message"}`: a code of `vitals.errors`, and one sentence that says what to do."""

from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dashboard.fhir_resources import outcome
from vitals.errors import ErrorCode, WardError
from vitals.fhir_subscription import MEDIA_TYPE

log = structlog.get_logger()

STATUS: Mapping[ErrorCode, int] = {
    ErrorCode.INVALID_ARGUMENT: 422,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.CREDENTIALS_REFUSED: 503,
    ErrorCode.UNTRUSTED_SERVER: 503,
    ErrorCode.ACCESS_DENIED: 503,
    ErrorCode.CONFIGURATION: 503,
    ErrorCode.UNUSABLE: 503,
    ErrorCode.SIGN_IN_NEEDED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.LOCKED: 423,
    ErrorCode.TOO_MANY_ATTEMPTS: 429,
}
"""HTTP status of each error; those not listed are ours alone, 500."""
_FHIR = "/api/v1/fhir/"
_ISSUES: Mapping[ErrorCode, str] = {
    ErrorCode.INVALID_ARGUMENT: "invalid",
    ErrorCode.NOT_FOUND: "not-found",
    ErrorCode.CONFLICT: "conflict",
    ErrorCode.UNAVAILABLE: "transient",
    ErrorCode.CREDENTIALS_REFUSED: "transient",
    ErrorCode.UNTRUSTED_SERVER: "transient",
    ErrorCode.ACCESS_DENIED: "transient",
    ErrorCode.FORBIDDEN: "forbidden",
}
"""Issue types of FHIR's OperationOutcome."""
_SENTENCES: Mapping[int, str] = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}


def install(app: FastAPI) -> None:
    """Answer every error in our shape."""

    @app.exception_handler(WardError)
    async def _ward_error(request: Request, error: WardError) -> JSONResponse:
        log_unusable(error)
        return _answer(request, status_of(error), error.code, str(error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
        said = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
        sentence = f"{where}: {said}." if where else f"{said}."
        return _answer(request, 422, ErrorCode.INVALID_ARGUMENT, sentence[:300])

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = ErrorCode.NOT_FOUND if error.status_code == 404 else ErrorCode.INVALID_ARGUMENT
        sentence = _SENTENCES.get(error.status_code, str(error.detail))
        return _answer(request, error.status_code, code, sentence)


def _answer(request: Request, status: int, code: ErrorCode, message: str) -> JSONResponse:
    """As `refusal`; under the FHIR addresses in FHIR's words."""
    if not request.url.path.startswith(_FHIR):
        return refusal(status, code, message)
    return JSONResponse(outcome(_ISSUES.get(code, "processing"), message), status_code=status, media_type=MEDIA_TYPE)


def status_of(error: WardError) -> int:
    """HTTP status of an error."""
    return STATUS.get(error.code, 500)


def log_unusable(error: WardError) -> None:
    """A database that a person has to mend is told to whoever reads the log, too."""
    if error.code is ErrorCode.UNUSABLE:
        log.error("database_unusable", error=str(error))


def refusal(status: int, code: ErrorCode, message: str) -> JSONResponse:
    """One error as an answer."""
    return JSONResponse({"code": code, "message": message}, status_code=status)
