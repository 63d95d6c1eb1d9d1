"""Flood control, whatever comes: nothing is dropped, high ones never wait, the others never long."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.outbox_grouping import FloodRule, Waiting, load_of, plan

RULE = FloodRule(alerts_max=3, window_s=60, group_wait_s=30, group_max=4)
MADE = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([0, 1, 2]), st.integers(0, 300_000)), max_size=60
)
Sent = list[tuple[int, tuple[str, ...]]]


def told(made: list[tuple[str, int, int]], rule: FloodRule = RULE) -> tuple[dict[str, Waiting], Sent]:
    """Deliveries by id, and what a destination that never fails was sent when: looked at each second, and at once when made."""
    every = {
        f"{number:03d}": Waiting(f"{number:03d}", (ward, ward), urgency, at_ms)
        for number, (ward, urgency, at_ms) in enumerate(made)
    }
    sent: Sent = []
    gone: set[str] = set()
    moments = sorted({one.made_at_ms for one in every.values()} | set(range(0, 400_000, 1000)))
    for now_ms in moments:
        while True:
            waiting = [one for one in every.values() if one.made_at_ms <= now_ms and one.delivery_id not in gone]
            before = [
                (one.stream, one.made_at_ms)
                for one in every.values()
                if one.delivery_id in gone and one.urgency > 0 and one.made_at_ms <= now_ms
            ]
            groups = plan(waiting, before, rule, now_ms=now_ms).groups if waiting else ()
            if not groups:
                break
            sent.append((now_ms, groups[0]))
            gone |= set(groups[0])
    return every, sent


@given(MADE)
def test_everything_is_told_once_high_at_once_and_the_rest_within_the_wait(made: list[tuple[str, int, int]]) -> None:
    every, sent = told(made)
    ids = [one for _, group in sent for one in group]
    assert sorted(ids) == sorted(every)
    for now_ms, group in sent:
        ones = [every[one] for one in group]
        assert len({one.stream for one in ones}) == 1
        assert len(group) <= RULE.group_max
        if any(one.urgency == 0 for one in ones):
            assert len(group) == 1
            assert now_ms == ones[0].made_at_ms
        assert all(now_ms - one.made_at_ms <= RULE.group_wait_s * 1000 + 1000 for one in ones)


@given(MADE)
def test_where_nothing_floods_each_goes_at_once_by_itself(made: list[tuple[str, int, int]]) -> None:
    every, sent = told(made, FloodRule(alerts_max=1000))
    assert all(len(group) == 1 and now_ms == every[group[0]].made_at_ms for now_ms, group in sent)


@given(MADE)
def test_the_load_that_evaluation_counts_is_that_of_the_plan(made: list[tuple[str, int, int]]) -> None:
    _, sent = told(made)
    load = load_of([((ward, ward), urgency, at_ms) for ward, urgency, at_ms in made], RULE)
    assert load.alerts == len(made)
    assert abs(load.notifications - len(sent)) <= 2 + len(made) // 10
    assert 0 <= load.absorbed_share < 1
