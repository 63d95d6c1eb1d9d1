"""Recordings read into columns: CSV and Parquet, several files and patients, in time order; rows become readings in batches.

Columns of numbers stay in memory (9 bytes a value), never a Python object per row. Blocking: call through a Door.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from numpy.typing import NDArray

from simulators.mapping import RecordingMapping, detect_mapping, load_mapping
from vitals.errors import InvalidArgument
from vitals.reading import DeviceId
from vitals.sign import SIGN_FACTS, Sign

_HASH_BLOCK_BYTES = 1 << 20
UNPACKED_BYTES_MAX = 4 << 30
"""What one Parquet file may unpack to; more is no recording but a bomb."""
_TIME_MS_MAX = 1 << 53
"""Of any moment before or after the recording's zero: 285,000 years, and exact in every number format."""
_SAID_CHARACTERS_MAX = 300
_ABSENT_TEXTS = ("", "NA", "NaN", "nan", "null", "NULL", "None", "-")


class Row(NamedTuple):
    """One recorded moment of one patient."""

    device: int
    """Index into `Recording.devices`."""
    offset_ms: int
    """Since the first row of the recording."""
    signs: dict[Sign, float]


class Recording:
    """Rows of one or more files as columns, sorted by time; rows of equal time stay in the order of the files."""

    def __init__(
        self,
        *,
        devices: Sequence[DeviceId],
        device_of: NDArray[np.int32],
        times_ms: NDArray[np.int64],
        signs: dict[Sign, NDArray[np.float64]],
        constants: dict[Sign, float],
        identity: str,
    ) -> None:
        order = np.argsort(times_ms, kind="stable")
        self.devices = tuple(devices)
        self._device_of = device_of[order]
        self._offsets_ms = times_ms[order] - (times_ms.min() if len(times_ms) else 0)
        self._signs = {sign: values[order] for sign, values in signs.items()}
        self._constants = constants
        self.identity = identity
        """Names the bytes of the files and the mapping: the same for the same recording, wherever it lies."""
        self.rows = len(times_ms)
        self.last_offset_ms = int(self._offsets_ms[-1]) if self.rows else 0
        self.empty_rows = int(np.logical_and.reduce([np.isnan(values) for values in self._signs.values()]).sum())
        """Rows without any value: they are no readings."""
        self.implausible_rows = self._count_implausible()
        """Readings with a value outside its sign's possible range, or pressures that cross: published, and to be refused."""

    def batches(self, rows_max: int) -> Iterator[list[Row]]:
        """All readings in time order, at most `rows_max` rows at a time; empty rows are left out."""
        names = list(self._signs)
        for start in range(0, self.rows, rows_max):
            part = slice(start, start + rows_max)
            columns = [self._signs[sign][part].tolist() for sign in names]
            devices, offsets = self._device_of[part].tolist(), self._offsets_ms[part].tolist()
            batch = []
            for device, offset_ms, *values in zip(devices, offsets, *columns, strict=True):
                signs = {sign: value for sign, value in zip(names, values, strict=True) if value == value}  # noqa: PLR0124
                if signs:
                    batch.append(Row(device, offset_ms, signs | self._constants))
            yield batch

    def _count_implausible(self) -> int:
        outside = np.zeros(self.rows, dtype=bool)
        for sign, values in self._signs.items():
            facts = SIGN_FACTS[sign]
            outside |= (values < facts.possible_low) | (values > facts.possible_high)
        systolic, diastolic = self._signs.get(Sign.SYSTOLIC), self._signs.get(Sign.DIASTOLIC)
        if systolic is not None and diastolic is not None:
            outside |= systolic <= diastolic
        return int(outside.sum())


def open_recording(files: Sequence[Path], *, mapping: str | None = None, rows_max: int) -> Recording:
    """Read `files` by one mapping (a shipped name, a file, or found by the columns of the first file).

    Raises InvalidArgument in one sentence for what is missing, unreadable, empty or larger than `rows_max` rows.
    """
    if not files:
        raise InvalidArgument("Name at least one recording to replay.")
    chosen = detect_mapping(_column_names(files[0]), file=files[0]) if mapping is None else load_mapping(mapping)
    devices: dict[DeviceId, int] = {}
    parts: list[_Part] = []
    rows = 0
    for file in files:
        for batch in _read_batches(file, chosen, rows_max=rows_max):
            rows += batch.num_rows
            if rows > rows_max:
                raise _too_many(rows_max)
            parts.append(_to_columns(batch, chosen, file=file, devices=devices))
    if not rows:
        raise InvalidArgument(f"There is no row in {files[0]}.")
    columns = {sign: np.concatenate([part.signs[sign] for part in parts]) for sign in chosen.signs}
    return Recording(
        devices=list(devices),
        device_of=np.concatenate([part.device_of for part in parts]),
        times_ms=np.concatenate([part.times_ms for part in parts]),
        signs=columns,
        constants=chosen.constants,
        identity=_identity(files, chosen),
    )


def expected_observations(
    files: Sequence[Path], *, mapping: str | None = None, rows_max: int = 20_000_000
) -> Iterator[tuple[DeviceId, int, dict[Sign, float]]]:
    """What a replay of `files` publishes, as (device, milliseconds since the recording's first row, signs)."""
    recording = open_recording(files, mapping=mapping, rows_max=rows_max)
    for batch in recording.batches(2000):
        for row in batch:
            yield recording.devices[row.device], row.offset_ms, row.signs


class _Part(NamedTuple):
    device_of: NDArray[np.int32]
    times_ms: NDArray[np.int64]
    signs: dict[Sign, NDArray[np.float64]]


def _column_names(file: Path) -> list[str]:
    with _said_of(file):
        if _is_parquet(file):
            return list(pa_parquet.read_schema(file).names)
        with pa_csv.open_csv(file) as reader:
            return list(reader.schema.names)


def _too_many(rows_max: int) -> InvalidArgument:
    return InvalidArgument(f"The recording has more than {rows_max} rows: raise simulators.replay_rows_max.")


def _read_batches(file: Path, mapping: RecordingMapping, *, rows_max: int) -> Iterator[Any]:
    present = _column_names(file)
    with _said_of(file):
        wanted = mapping.columns(present)
        twice = [name for name in wanted if present.count(name) > 1]
        if twice:
            raise InvalidArgument(f"column {twice[0]!r} stands there twice")
        if _is_parquet(file):
            with pa_parquet.ParquetFile(file) as parquet:
                if parquet.metadata.num_rows > rows_max:
                    raise _too_many(rows_max)
                _refuse_bomb(parquet.metadata)
                yield from parquet.iter_batches(columns=wanted)
            return
        types: dict[str, Any] = {name: pa.float64() for name in wanted}
        if mapping.time_unit == "timestamp":
            del types[mapping.time_column]
        if mapping.record_column is not None:
            types[mapping.record_column] = pa.string()
        options = pa_csv.ConvertOptions(
            include_columns=wanted, column_types=types, null_values=list(_ABSENT_TEXTS), strings_can_be_null=True
        )
        with pa_csv.open_csv(file, convert_options=options) as reader:
            yield from reader


def _refuse_bomb(declared: Any) -> None:  # noqa: ANN401 - pyarrow has no types
    """By row groups: asked for a column of a broken footer, the library ends the process."""
    unpacked = sum(declared.row_group(number).total_byte_size for number in range(declared.num_row_groups))
    if unpacked > UNPACKED_BYTES_MAX:
        raise InvalidArgument(f"it unpacks to {unpacked:,} bytes, and {UNPACKED_BYTES_MAX:,} are read at most")


def _to_columns(batch: Any, mapping: RecordingMapping, *, file: Path, devices: dict[DeviceId, int]) -> _Part:  # noqa: ANN401
    present = set(batch.schema.names)
    with _said_of(file):
        signs = {}
        for sign, source in mapping.signs.items():
            merged = np.full(batch.num_rows, np.nan)
            for name in source.columns:
                if name in present:
                    values = _floats(batch.column(name))
                    values[np.isin(values, source.absent)] = np.nan
                    merged = np.where(np.isnan(merged), values, merged)
            factor, offset = mapping.conversion(sign)
            signs[sign] = merged if (factor, offset) == (1, 0) else np.round(merged * factor + offset, 6)
        return _Part(_devices_of(batch, mapping, stem=file.stem, devices=devices), _times_ms(batch, mapping), signs)


def _devices_of(
    batch: Any,  # noqa: ANN401
    mapping: RecordingMapping,
    *,
    stem: str,
    devices: dict[DeviceId, int],
) -> NDArray[np.int32]:
    if mapping.record_column is None:
        index = devices.setdefault(mapping.device_of(stem), len(devices))
        return np.full(batch.num_rows, index, dtype=np.int32)
    encoded = pc.dictionary_encode(batch.column(mapping.record_column).cast(pa.string()))
    if encoded.null_count:
        raise InvalidArgument(f"A row names no record in column {mapping.record_column!r}.")
    names = encoded.dictionary.to_pylist()
    indices = [devices.setdefault(mapping.device_of(name), len(devices)) for name in names]
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    result: NDArray[np.int32] = np.asarray(indices, dtype=np.int32)[codes]
    return result


def _times_ms(batch: Any, mapping: RecordingMapping) -> NDArray[np.int64]:  # noqa: ANN401
    column = batch.column(mapping.time_column)
    if mapping.time_unit == "timestamp":
        moments = column.cast(pa.timestamp("ms")) if not pa.types.is_string(column.type) else _parsed(column)
        times = moments.cast(pa.int64())
        if times.null_count:
            raise InvalidArgument(f"A row has no time in column {mapping.time_column!r}.")
        return _within_reach(np.asarray(times.to_numpy(zero_copy_only=False), dtype=np.int64), mapping)
    values = _floats(column)
    if not np.isfinite(values).all():
        raise InvalidArgument(f"A row has no time in column {mapping.time_column!r}.")
    return _within_reach(np.round(values * mapping.milliseconds), mapping)


def _within_reach(times_ms: NDArray[Any], mapping: RecordingMapping) -> NDArray[np.int64]:
    if len(times_ms) and not (times_ms.min() >= -_TIME_MS_MAX and times_ms.max() <= _TIME_MS_MAX):
        raise InvalidArgument(f"A row has an impossible time in column {mapping.time_column!r}.")
    return times_ms.astype(np.int64)


def _parsed(column: Any) -> Any:  # noqa: ANN401
    return column.cast(pa.timestamp("ms", tz="UTC"))


def _floats(column: Any) -> NDArray[np.float64]:  # noqa: ANN401
    return np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _is_parquet(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def _identity(files: Sequence[Path], mapping: RecordingMapping) -> str:
    digest = hashlib.blake2b(repr(mapping).encode(), digest_size=8)
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(_HASH_BLOCK_BYTES):
                digest.update(block)
        if mapping.record_column is None:
            digest.update(file.stem.encode())
    return digest.hexdigest()


def _refuse_pipe(file: Path) -> None:
    if file.exists() and not file.is_dir() and not file.is_file():
        raise InvalidArgument("it is no ordinary file")


@contextlib.contextmanager
def _said_of(file: Path) -> Iterator[None]:
    """Turns what goes wrong with a file into one sentence that names it. A pipe would be waited for, a device never end."""
    try:
        _refuse_pipe(file)
        yield
    except FileNotFoundError as error:
        raise InvalidArgument(f"There is no file {file}.") from error
    except InvalidArgument as error:
        raise InvalidArgument(f"{file}: {error}") from error
    except (pa.ArrowException, UnicodeDecodeError, ValueError) as error:
        cause = " ".join(str(error).split())[:_SAID_CHARACTERS_MAX].rstrip(".")
        raise InvalidArgument(f"{file} is no CSV or Parquet file that can be read: {cause}.") from error
    except OSError as error:
        cause = " ".join(str(error.strerror or error).split())[:_SAID_CHARACTERS_MAX]
        raise InvalidArgument(f"Cannot read {file}: {cause}.") from error
