"""Whether every stage moves: judged from ends and positions alone."""

import pytest

from alerts import delivery
from alerts import worker as alerts_worker
from runtime.bus import Positions, TopicPartition
from storage import recorder
from storage.stages import STAGES, TICKING, TOPICS, StageWatch, faults
from stream import worker as stream_worker

BEHIND_S_MAX = 30.0


class Path:
    """The log's ends and everyone's positions, moved by hand second by second."""

    def __init__(self, *, partitions: int = 2) -> None:
        self.watch = StageWatch(behind_s_max=BEHIND_S_MAX)
        self.ends = {TopicPartition(topic, number): 100 for topic in TOPICS for number in range(partitions)}
        self.beginnings: Positions = dict.fromkeys(self.ends, 0)
        self.positions = {
            group: {at: 100 for at in self.ends if at.topic in topics} for group, topics in STAGES.items()
        }
        self.now_s = 0.0

    def run(self, seconds: int, *, standing: str | None = None, ticking: bool = True) -> dict[str, str]:
        """So many seconds in which everyone but `standing` handles everything at once; what is wrong then."""
        for _ in range(seconds):
            self.now_s += 1
            for at in self.ends:
                if at.topic == "readings" and ticking:
                    self.ends[at] += 1
            for group, positions in self.positions.items():
                if group != standing:
                    positions.update({at: self.ends[at] for at in positions})
            self.watch.observe(self.now_s, beginnings=self.beginnings, ends=self.ends, positions=self.positions)
        return faults(self.watch.stages(self.now_s))


def test_the_stages_are_the_groups_that_read_the_log() -> None:
    assert STAGES[recorder.GROUP] == tuple(topic.value for topic in recorder.TOPICS)
    assert STAGES[stream_worker.GROUP] == ("readings",)
    assert STAGES[alerts_worker.GROUP] == alerts_worker.TOPICS
    assert STAGES[delivery.GROUP] == delivery.TOPICS
    assert TICKING == alerts_worker.GROUP


def test_while_all_move_all_is_whole() -> None:
    path = Path()
    assert path.run(200) == {}
    assert all(stage.behind_records == 0 for stage in path.watch.stages(path.now_s))


@pytest.mark.parametrize("group", ["recorder", "stream", "alerts"])
def test_a_stage_that_stands_still_is_named_within_the_bound_and_forgiven_when_it_has_caught_up(group: str) -> None:
    path = Path()
    path.run(10)
    assert path.run(int(BEHIND_S_MAX), standing=group) == {}
    found = path.run(2, standing=group)
    assert list(found) == [group]
    assert "readings/0" in found[group]
    assert path.run(1) == {}


def test_delivery_is_judged_only_where_there_is_something_to_deliver() -> None:
    path = Path()
    assert path.run(100, standing="alert-delivery") == {}
    path.ends[TopicPartition("alerts", 1)] += 1
    assert path.run(int(BEHIND_S_MAX) + 2, standing="alert-delivery").keys() == {"alert-delivery"}


def test_a_stage_that_is_slow_but_within_the_bound_is_whole() -> None:
    path = Path()
    path.run(5)
    for _ in range(20):
        assert path.run(int(BEHIND_S_MAX) - 2, standing="stream") == {}
        assert path.run(1) == {}


def test_without_ticks_nobody_can_be_believed() -> None:
    path = Path()
    path.run(5)
    assert list(path.run(int(BEHIND_S_MAX) + 2, ticking=False)) == ["alerts"]


def test_a_watch_that_has_just_begun_says_nothing_good_before_it_saw_everyone_arrive() -> None:
    path = Path()
    path.positions["stream"] = dict.fromkeys(path.positions["stream"], 40)
    assert faults(path.watch.stages(0.0)).keys() == STAGES.keys()
    assert "not yet been seen" in path.run(3, standing="stream")["stream"]
    assert path.run(1) == {}


def test_what_was_trimmed_before_anyone_read_it_keeps_nobody_behind() -> None:
    path = Path()
    at = TopicPartition("commands", 0)
    path.beginnings = {**path.beginnings, at: 100}
    del path.positions["alerts"][at]
    assert path.run(100) == {}


def test_memory_is_bounded_however_long_a_stage_stands_still() -> None:
    path = Path(partitions=1)
    path.run(2000, standing="stream")
    assert max(len(place.seen) for place in path.watch._places.values()) <= 64
    (stage,) = [stage for stage in path.watch.stages(path.now_s) if stage.name == "stream"]
    assert stage.behind_s == pytest.approx(1999)
    assert path.run(1) == {}
