"""How a recording's columns become signs: a small TOML file, shipped for known sets or written by whoever has another.

device = "ward7-{record}"        # one device per recorded patient
record_column = "patient"        # left out: the file's own name is the record
record_prefix = "p"              # taken off the record, where it begins so
time_column = "t"
time_unit = "s"                  # ms, s, min or h since any moment; "timestamp" for dates and times (UTC where no zone)
[signs.temperature_celsius]
columns = ["Temp", "TempSkin"]   # the first that has a value
unit = "[degF]"                  # the sign's own UCUM unit where left out
absent = [0, -1]                 # values that mean "none"; NaN and empty always do
[constants]
supplemental_oxygen = 0          # added to every reading
"""

import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

from vitals.errors import ConfigurationError, InvalidArgument
from vitals.reading import DeviceId
from vitals.sign import SIGN_FACTS, Sign
from vitals.topics import is_level

_SHIPPED = Path(__file__).parent / "mappings"
_MILLISECONDS = MappingProxyType({"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000})


class Conversion(NamedTuple):
    """`value * factor + offset` is in the sign's own unit."""

    factor: float
    offset: float = 0.0


_CONVERSIONS: dict[tuple[str, str], Conversion] = {
    ("[degF]", "Cel"): Conversion(5 / 9, -160 / 9),
    ("K", "Cel"): Conversion(1, -273.15),
    ("Hz", "/min"): Conversion(60),
    ("1", "%"): Conversion(100),
    ("kPa", "mm[Hg]"): Conversion(7.500617),
    ("mg/dL", "mmol/L"): Conversion(1 / 18.016),
    ("s", "ms"): Conversion(1000),
}
"""From a unit to a sign's own, in UCUM."""


class SignColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one sign comes from."""

    columns: tuple[str, ...]
    unit: str | None = None
    absent: tuple[float, ...] = ()


class RecordingMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One mapping file, checked."""

    device: str
    time_column: str
    time_unit: Literal["ms", "s", "min", "h", "timestamp"]
    signs: dict[Sign, SignColumn]
    description: str = ""
    record_column: str | None = None
    record_prefix: str = ""
    constants: dict[Sign, float] = {}

    def device_of(self, record: str) -> DeviceId:
        """The device that plays this record; raises InvalidArgument where it has no name that MQTT allows."""
        name = self.device.replace("{record}", record.removeprefix(self.record_prefix))
        if not is_level(name):
            raise InvalidArgument(
                f"Record {record!r} would be device {name!r}: use 1-64 letters, digits, '.', '_', '-'."
            )
        return DeviceId(name)

    def conversion(self, sign: Sign) -> Conversion:
        """From the column's unit to the sign's own."""
        own, unit = SIGN_FACTS[sign].ucum, self.signs[sign].unit
        return Conversion(1) if unit in {None, own} else _CONVERSIONS[unit or own, own]

    @property
    def milliseconds(self) -> int:
        """In one unit of time; 1 for timestamps."""
        return _MILLISECONDS.get(self.time_unit, 1)

    def columns(self, present: Collection[str]) -> list[str]:
        """The columns to read of those `present`; raises InvalidArgument naming what is missing."""
        keys = [self.time_column, *([] if self.record_column is None else [self.record_column])]
        missing = [name for name in keys if name not in present]
        missing += [
            " or ".join(source.columns)
            for source in self.signs.values()
            if not any(name in present for name in source.columns)
        ]
        if missing:
            raise InvalidArgument(f"Column {missing[0]!r} is missing; there are {', '.join(sorted(present)[:12])}.")
        values = [name for source in self.signs.values() for name in source.columns if name in present]
        return list(dict.fromkeys(keys + values))

    def fits(self, present: Collection[str]) -> bool:
        """Whether a file with these columns could be of this kind: time, record and one column for each sign."""
        try:
            self.columns(present)
        except InvalidArgument:
            return False
        return True


def shipped_names() -> tuple[str, ...]:
    """Names of the mappings that come with Wardlight."""
    return tuple(sorted(file.stem for file in _SHIPPED.glob("*.toml")))


def load_mapping(name_or_file: str) -> RecordingMapping:
    """A shipped mapping by name, or one from a file; raises InvalidArgument, ConfigurationError."""
    if name_or_file in shipped_names():
        return _read(_SHIPPED / f"{name_or_file}.toml")
    file = Path(name_or_file)
    if not file.is_file():
        raise InvalidArgument(
            f"There is no mapping {name_or_file!r}: name one of {', '.join(shipped_names())}, or a mapping file."
        )
    return _read(file)


def detect_mapping(present: Collection[str], *, file: Path) -> RecordingMapping:
    """The shipped mapping whose columns these are, the most demanding one first; raises InvalidArgument where none fits."""
    fitting = [mapping for mapping in _shipped() if mapping.fits(present)]
    if not fitting:
        raise InvalidArgument(
            f"No shipped mapping ({', '.join(shipped_names())}) fits the columns of {file}: give one with --mapping."
        )
    return max(fitting, key=lambda mapping: len(mapping.columns(present)))


def _shipped() -> Iterator[RecordingMapping]:
    return (_read(_SHIPPED / f"{name}.toml") for name in shipped_names())


def _read(file: Path) -> RecordingMapping:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        mapping = msgspec.convert(table, RecordingMapping)
    except OSError as error:
        raise ConfigurationError(f"Cannot read the mapping file {file}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"The mapping file {file} cannot be used: {error}.") from error
    for sign, source in mapping.signs.items():
        own = SIGN_FACTS[sign].ucum
        if not source.columns:
            raise ConfigurationError(f"The mapping file {file} names no column for {sign.value}.")
        if source.unit not in {None, own} and (source.unit, own) not in _CONVERSIONS:
            raise ConfigurationError(f"The mapping file {file} gives {sign.value} in {source.unit!r}: use {own!r}.")
    return mapping
