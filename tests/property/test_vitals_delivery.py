"""The life of a delivery, whatever happens in whatever order: never two at it, never lost, never unaccepted again."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from vitals import delivery as life
from vitals.notification import DeliveryFault, DeliveryState, ReceiptState

LEASE_MS = 50
EXPIRES_MS = 1000
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["wait", "claim", "accept", "fail", "refuse", "expire", "give up", "stale failure"]),
        st.integers(0, 120),
    ),
    max_size=60,
)


@dataclass
class Holder:
    """One process that claimed."""

    epoch: int
    attempt: int
    until_ms: int


@dataclass
class Story:
    """A delivery and who is at it."""

    at: life.Standing
    now_ms: int = 0
    holders: list[Holder] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)

    def take(self, step: life.Step) -> None:
        """Store a step, with its receipts."""
        self.at = step.standing
        self.receipts += [mark.state.value for mark in step.marks]


def move(story: Story, name: str, by: int) -> None:
    """One thing happens."""
    last = story.holders[-1] if story.holders else None
    if name == "wait":
        story.now_ms += by
    elif name == "claim":
        step = life.claim(story.at, now_ms=story.now_ms, lease_ms=LEASE_MS)
        if step.standing != story.at:
            assert all(story.now_ms >= holder.until_ms for holder in story.holders), "two at once"
            story.holders.append(Holder(step.standing.epoch, step.standing.attempts, story.now_ms + LEASE_MS))
            story.take(step)
    elif name == "accept" and story.holders:
        one = story.holders.pop(by % len(story.holders))
        story.take(life.accepted(story.at, attempt=one.attempt, is_delivered=bool(by % 2)))
    elif name in ("fail", "refuse") and last is not None:
        story.holders.pop()
        story.take(
            life.failed(
                story.at,
                epoch=last.epoch,
                code=DeliveryFault.SERVER_ERROR,
                detail=None,
                next_at_ms=None if name == "refuse" else story.now_ms + by,
                now_ms=story.now_ms,
            )
        )
    elif name == "stale failure" and story.at.epoch:
        before = story.at
        step = life.failed(
            before, epoch=before.epoch - 1, code=DeliveryFault.GONE, detail=None, next_at_ms=None, now_ms=story.now_ms
        )
        assert step == life.Step(before)
    elif name == "expire":
        story.take(life.expired(story.at, now_ms=story.now_ms))
    elif name == "give up":
        story.take(life.given_up(story.at, code=DeliveryFault.NO_ACCESS, detail=None, now_ms=story.now_ms))


@given(MOVES)
def test_a_delivery_lives_by_its_rules(moves: list[tuple[str, int]]) -> None:
    first = life.queued(now_ms=0, due_at_ms=0, expires_at_ms=EXPIRES_MS)
    story = Story(first.standing)
    story.take(first)
    for name, by in moves:
        before = story.at
        move(story, name, by)
        story.holders = [one for one in story.holders if one.until_ms > story.now_ms or one.epoch == story.at.epoch]
        assert before.state is not DeliveryState.ACCEPTED or story.at.state is DeliveryState.ACCEPTED
        assert (story.at.epoch, story.at.attempts) >= (before.epoch, before.attempts)
        assert story.at.due_at_ms <= max(story.at.expires_at_ms, before.due_at_ms)
        assert (story.at.lease_until_ms is not None) == (story.at.state is DeliveryState.SENDING)
        if not before.is_open and story.at.is_open:
            raise AssertionError("what had ended is open again")
        if story.at.state is DeliveryState.EXPIRED and before.state is not DeliveryState.EXPIRED:
            assert story.now_ms >= story.at.expires_at_ms
    assert story.receipts[0] == "queued"
    assert (ReceiptState.SENT.value in story.receipts) == (story.at.state is DeliveryState.ACCEPTED)
    assert story.receipts.count("expired") <= 1


@given(MOVES)
def test_whatever_happened_an_open_delivery_ends_by_itself(moves: list[tuple[str, int]]) -> None:
    first = life.queued(now_ms=0, due_at_ms=0, expires_at_ms=EXPIRES_MS)
    story = Story(first.standing)
    for name, by in moves:
        move(story, name, by)
        story.holders = [one for one in story.holders if one.until_ms > story.now_ms]
    later_ms = max(story.now_ms, EXPIRES_MS) + LEASE_MS
    assert not life.expired(story.at, now_ms=later_ms).standing.is_open


@given(st.integers(0, 10_000), st.floats(0.1, 60), st.floats(0.1, 3600), st.floats(0, 0.999))
def test_pauses_grow_up_to_their_cap_and_jitter_takes_at_most_half(
    attempts: int, first_s: float, cap_s: float, chance: float
) -> None:
    pause_ms = life.pause_ms(attempts, first_s=first_s, cap_s=cap_s, chance=chance)
    assert pause_ms <= round(cap_s * 1000)
    assert pause_ms >= min(first_s, cap_s) * 500 - 1
