"""Every error as `{"code", "message"}`: a code of `vitals.errors`, and one sentence that says what to do."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from vitals.errors import ErrorCode, WardError

STATUS: Mapping[ErrorCode, int] = {
    ErrorCode.INVALID_ARGUMENT: 422,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.SIGN_IN_NEEDED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.LOCKED: 423,
    ErrorCode.TOO_MANY_ATTEMPTS: 429,
}
"""HTTP status of each error; those not listed are ours alone, 500."""
_SENTENCES: Mapping[int, str] = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}


def install(app: FastAPI) -> None:
    """Answer every error in our shape."""

    @app.exception_handler(WardError)
    async def _ward_error(_: Request, error: WardError) -> JSONResponse:
        return refusal(STATUS.get(error.code, 500), error.code, str(error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
        said = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
        sentence = f"{where}: {said}." if where else f"{said}."
        return refusal(422, ErrorCode.INVALID_ARGUMENT, sentence[:300])

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        code = ErrorCode.NOT_FOUND if error.status_code == 404 else ErrorCode.INVALID_ARGUMENT
        sentence = _SENTENCES.get(error.status_code, str(error.detail))
        return refusal(error.status_code, code, sentence)


def refusal(status: int, code: ErrorCode, message: str) -> JSONResponse:
    """One error as an answer."""
    return JSONResponse({"code": code, "message": message}, status_code=status)
