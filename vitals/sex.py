"""Sex as the registry records it, for models that were fitted with it and for the audit of how fair they are."""

from enum import StrEnum


class Sex(StrEnum):
    """Administrative sex, with the words of FHIR's AdministrativeGender."""

    MALE = "male"
    FEMALE = "female"
    OTHER = "other"
    UNKNOWN = "unknown"
