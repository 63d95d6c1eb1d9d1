"""Errors that know whether trying again may help, and carry a code from a bounded set."""

from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """Every code an error can carry; used as metric label, log field and API field."""

    INVALID_ARGUMENT = "invalid_argument"
    MALFORMED_RECORD = "malformed_record"
    UNAVAILABLE = "unavailable"
    FENCED = "fenced"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    OUT_OF_RANGE = "out_of_range"
    SNAPSHOT_MISMATCH = "snapshot_mismatch"
    CONFIGURATION = "configuration"
    SIGN_IN_NEEDED = "sign_in_needed"
    FORBIDDEN = "forbidden"
    LOCKED = "locked"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    CREDENTIALS_REFUSED = "credentials_refused"
    UNTRUSTED_SERVER = "untrusted_server"
    ACCESS_DENIED = "access_denied"
    UNUSABLE = "unusable"


class WardError(Exception):
    """Root of all errors of ours; `str(error)` is one sentence that says what to do."""

    code: ClassVar[ErrorCode]
    retriable: ClassVar[bool] = False


class InvalidArgument(WardError):
    """The caller passed something that can never work."""

    code = ErrorCode.INVALID_ARGUMENT


class MalformedRecord(WardError):
    """Bytes that should be one of our records are not; permanent."""

    code = ErrorCode.MALFORMED_RECORD


class Unavailable(WardError):
    """A broker, log or database does not answer now; trying again may help."""

    code = ErrorCode.UNAVAILABLE
    retriable = True


class CredentialsRefused(Unavailable):
    """A broker, log or database does not know us, or not with this password or certificate; whoever rotates it may make it known again."""

    code = ErrorCode.CREDENTIALS_REFUSED


class UntrustedServer(Unavailable):
    """Whoever answers at that address has not shown to be the server: its certificate is of an unknown authority, or another's."""

    code = ErrorCode.UNTRUSTED_SERVER


class AccessDenied(Unavailable):
    """A log or database knows this service and does not let it do this; whoever runs it may grant it while we wait."""

    code = ErrorCode.ACCESS_DENIED


class Unusable(WardError):
    """The database's file is read-only or damaged: nothing goes on until a person has mended it."""

    code = ErrorCode.UNUSABLE


class Fenced(WardError):
    """A newer owner has claimed this partition: drop its state and rejoin."""

    code = ErrorCode.FENCED


class NotFound(WardError):
    """The named thing does not exist."""

    code = ErrorCode.NOT_FOUND


class Conflict(WardError):
    """The request contradicts what is already so."""

    code = ErrorCode.CONFLICT


class PositionOutOfRange(WardError):
    """The log no longer (or not yet) holds the position asked for."""

    code = ErrorCode.OUT_OF_RANGE


class SnapshotMismatch(WardError):
    """A snapshot was made by another version, or its signature is wrong; it is not loaded."""

    code = ErrorCode.SNAPSHOT_MISMATCH


class ConfigurationError(WardError):
    """Settings that cannot work, found at start."""

    code = ErrorCode.CONFIGURATION


class SignInNeeded(WardError):
    """Nobody known is behind the request, or the password was wrong."""

    code = ErrorCode.SIGN_IN_NEEDED


class Forbidden(WardError):
    """Whoever asks may not, on this ward."""

    code = ErrorCode.FORBIDDEN


class Locked(WardError):
    """The session waits for its password; until then it only shows the ward."""

    code = ErrorCode.LOCKED


class TooManyAttempts(WardError):
    """Too many wrong passwords: wait as long as the sentence says."""

    code = ErrorCode.TOO_MANY_ATTEMPTS
