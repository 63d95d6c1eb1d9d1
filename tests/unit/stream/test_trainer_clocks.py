"""How far time has come in a partition whose topics are read each at its own pace."""

from runtime.bus import TopicPartition
from stream.trainer_clocks import LogClocks

SEEN, SAID = TopicPartition("training", 0), TopicPartition("outcomes", 0)
OTHER = TopicPartition("training", 1)


def clocks(*, slack_ms: int = 0) -> LogClocks:
    """Of two partitions, ten records each of either topic, nothing read."""
    made = LogClocks(("training", "outcomes"), observing="training", slack_ms=slack_ms)
    made.reset({0, 1}, {})
    made.end_at({SEEN: 10, SAID: 10, OTHER: 0, TopicPartition("outcomes", 1): 0})
    return made


def test_while_a_topic_has_unread_records_time_stands_where_that_topic_stands() -> None:
    time = clocks()
    time.read({SEEN: 10})
    time.heard(SEEN, 3000)
    assert time.now_ms() == {}, "of what stands in the other topic nobody has read a word"
    time.read({SAID: 4})
    time.heard(SAID, 1000)
    assert time.now_ms() == {0: 1000}
    time.read({SAID: 9})
    time.heard(SAID, 2000)
    assert time.has_unread(0)
    assert time.now_ms() == {0: 2000}
    time.read({SAID: 10})
    time.heard(SAID, 2500)
    assert not time.has_unread(0)
    assert not time.is_behind
    assert time.now_ms() == {0: 3000}


def test_a_topic_that_is_idle_and_read_to_its_end_holds_nobody_up() -> None:
    time = clocks()
    time.read({SEEN: 10, SAID: 10})
    time.heard(SEEN, 3000)
    assert time.now_ms() == {0: 3000}
    time.end_at({SEEN: 11, SAID: 10})
    time.read({SEEN: 11})
    time.heard(SEEN, 9000)
    assert time.now_ms()[0] == 9000


def test_one_partition_holds_no_other_up() -> None:
    time = clocks()
    time.heard(OTHER, 5000)
    assert time.now_ms() == {1: 5000}
    assert time.has_unread(0)
    assert not time.has_unread(1)


def test_outcomes_that_go_on_say_nothing_of_who_is_observed_and_move_no_time_on() -> None:
    time = clocks()
    time.read({SEEN: 10, SAID: 10})
    time.heard(SAID, 9000)
    assert time.now_ms() == {}
    time.heard(SEEN, 3000)
    assert time.now_ms() == {0: 3000}


def test_what_may_come_late_is_waited_for_and_a_clock_never_goes_back() -> None:
    time = clocks(slack_ms=600)
    time.read({SEEN: 10, SAID: 10})
    time.heard(SEEN, 3000)
    time.heard(SEEN, 2000)
    assert time.now_ms() == {0: 2400}


def test_after_a_new_claim_nothing_is_known_until_something_is_read() -> None:
    time = clocks()
    time.heard(SEEN, 3000)
    time.reset({0}, {SEEN: 10, SAID: 10})
    time.end_at({SEEN: 10, SAID: 10})
    assert time.now_ms() == {}
