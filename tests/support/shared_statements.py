"""SQL in tests is compiled once a session: each test has a database of its own, and the text of a statement does not differ by it."""

from typing import Any

from sqlalchemy import Connection, Engine, event


class _Compiled(dict[Any, Any]):
    """What SQLAlchemy compiled for SQLite. Its keys begin with the dialect, of which every engine makes one; all are alike."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(key[1:], compiled)


_COMPILED = _Compiled()


def share_statements() -> None:
    """From here on, every SQLite connection of this process finds what another one had compiled."""
    event.listen(Engine, "engine_connect", _share)


def _share(conn: Connection) -> None:
    if conn.dialect.name == "sqlite":
        conn.execution_options(compiled_cache=_COMPILED)
