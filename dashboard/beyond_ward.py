"""Which requests of the live ward ask for more than the ward as it stands: one patient, or what is over. Pure.

Such a request takes the permission to see that patient, and a locked session may not make it.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

from dashboard.permissions import Permission, Rule, Where

_NO: Final = frozenset({"false", "0", "off", "no", "f", "n"})
_YES: Final = frozenset({"true", "1", "on", "yes", "t", "y"})
"""As the framework reads a yes or no in a query; whatever it reads otherwise is refused here in doubt."""


def names_patient(rule: Rule, query_string: bytes) -> bool:
    """Whether it names a patient where seeing the ward would be enough."""
    return rule.permission is Permission.SEE_WARD and Where.QUERY in rule.where and "patient" in _asked(query_string)


def asks_beyond_ward(key: str, rule: Rule, query_string: bytes) -> bool:
    """Whether it asks for one patient, for patients who have left, or for alerts that are over."""
    asked = _asked(query_string)
    if names_patient(rule, query_string):
        return True
    if key == "GET /api/v1/patients":
        return any(value.lower() not in _NO for value in asked.get("with_discharged", ()))
    if key == "GET /api/v1/alerts":
        open_only = asked.get("active", ())
        return not open_only or any(value.lower() not in _YES for value in open_only)
    return False


def _asked(query_string: bytes) -> Mapping[str, Sequence[str]]:
    return parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
