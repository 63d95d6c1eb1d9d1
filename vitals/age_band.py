"""Bands of age in which children's signs differ: those of the Bedside PEWS, and adults."""

from enum import StrEnum


class AgeBand(StrEnum):
    """An age, the upper end not included."""

    BELOW_3_MONTHS = "0-3mo"
    BELOW_12_MONTHS = "3-12mo"
    BELOW_4_YEARS = "1-4y"
    BELOW_12_YEARS = "4-12y"
    BELOW_16_YEARS = "12-16y"
    ADULT = "adult"
    """From 16 years on, as NEWS2 counts."""
