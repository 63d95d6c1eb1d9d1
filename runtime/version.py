"""The one place that says which version of Wardlight this is; packaging, the API and its OpenAPI description read it here."""

from typing import Final

VERSION: Final = "0.1.0"
