"""The local log equals a plain list per partition, whatever is appended, trimmed, reopened and read, in any order."""

import contextlib
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from runtime.bus import Outgoing, TopicPartition, partition_of
from runtime.local_log import LocalLog, ReadRequest
from tests.support.examples import examples
from vitals.errors import PositionOutOfRange

PARTITIONS = 3
OUTGOING = st.builds(Outgoing, st.sampled_from(["readings", "alerts"]), st.binary(max_size=3), st.binary(max_size=20))


class LogMachine(RuleBasedStateMachine):
    """Steps a log in a file and its model side by side."""

    def __init__(self) -> None:
        super().__init__()
        self._open = contextlib.ExitStack()
        self._file = Path(self._open.enter_context(tempfile.TemporaryDirectory())) / "log.db"
        self._now_ms = 0
        self._appended: list[tuple[int, TopicPartition]] = []
        self._trimmed = 0
        self._model: defaultdict[TopicPartition, list[tuple[bytes, bytes]]] = defaultdict(list)

    @initialize()
    def create(self) -> None:
        self._log = LocalLog(self._file, partition_count=PARTITIONS)

    @rule(records=st.lists(OUTGOING, max_size=30), later_ms=st.integers(0, 10))
    def append(self, records: list[Outgoing], later_ms: int) -> None:
        self._now_ms += later_ms
        appended = self._log.append(records, at_ms=self._now_ms)
        assert [(r.topic, r.key, r.value) for r in appended] == [(r.topic, r.key, r.value) for r in records]
        for record in records:
            place = TopicPartition(record.topic, partition_of(record.key, PARTITIONS))
            self._model[place].append((record.key, record.value))
            self._appended.append((self._now_ms, place))

    @rule(age_ms=st.integers(0, 30), records_max=st.integers(1, 20))
    def trim(self, age_ms: int, records_max: int) -> None:
        before_ms = self._now_ms - age_ms
        old = [at_ms for at_ms, _ in self._appended[self._trimmed :][:records_max] if at_ms < before_ms]
        assert self._log.trim(before_ms=before_ms, now_ms=self._now_ms, records_max=records_max) == len(old)
        self._trimmed += len(old)

    @rule()
    def reopen(self) -> None:
        self._log.close()
        self._log = LocalLog(self._file, partition_count=PARTITIONS)

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        if not self._model:
            return
        place = data.draw(st.sampled_from(sorted(self._model)))
        beginning, end = self._beginning(place), len(self._model[place])
        offset = data.draw(st.integers(0, end))
        count = data.draw(st.integers(0, end - offset))
        if offset < beginning and count:
            with pytest.raises(PositionOutOfRange):
                self._log.read(ReadRequest(place, offset, count), bytes_max=100)
            return
        bytes_max = data.draw(st.sampled_from([0, 30, 100_000]))
        came = self._log.read(ReadRequest(place, offset, count), bytes_max=bytes_max)
        assert [(r.key, r.value) for r in came] == self._model[place][offset : offset + len(came)]
        assert [r.offset for r in came] == list(range(offset, offset + len(came)))
        sizes = [len(key) + len(value) for key, value in self._model[place][offset : offset + count]]
        whole = sum(sum(sizes[: number + 1]) <= bytes_max for number in range(count))
        assert len(came) == max(whole, min(1, count))

    @invariant()
    def bounds_equal(self) -> None:
        if hasattr(self, "_log"):
            assert self._log.ends() == {place: len(records) for place, records in self._model.items()}
            assert self._log.beginnings() == {place: self._beginning(place) for place in self._model}

    def _beginning(self, place: TopicPartition) -> int:
        return sum(trimmed == place for _, trimmed in self._appended[: self._trimmed])

    def teardown(self) -> None:
        if hasattr(self, "_log"):
            self._log.close()
        self._open.close()


TestLocalLog = LogMachine.TestCase
TestLocalLog.settings = examples(40, stateful_step_count=25)
