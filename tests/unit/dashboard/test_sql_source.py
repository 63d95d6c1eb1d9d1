"""The ward as SQL has it: what changed is never passed over, and nothing is older or younger than it was."""

import pytest

from dashboard.sql_source import SqlSource
from dashboard.ward import seen_at_ms
from dashboard.ward_limits import WardLimits
from runtime.blocking import InlineDoor
from runtime.clock import SystemClock
from storage import patients
from storage.session import Connection
from tests.support.builders import at_ms, reading
from tests.support.ward_scene import WardScene, ward_scene
from vitals.errors import Unavailable
from vitals.sign import Sign

pytestmark = pytest.mark.asyncio


def source_of(scene: WardScene) -> SqlSource:
    return SqlSource(database=scene.database, door=InlineDoor(), clock=SystemClock(), limits=WardLimits())


async def test_a_change_of_the_register_that_could_not_be_read_is_read_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with ward_scene() as scene:
        scene.admit("1", "Ada")
        source = source_of(scene)
        await source.snapshot()
        scene.admit("2", "Grace")

        def away(_: Connection) -> list[object]:
            raise Unavailable("The connection broke.")

        with monkeypatch.context() as broken:
            broken.setattr(patients, "list_patients", away)
            with pytest.raises(Unavailable):
                await source.beds(again=False)

        beds = await source.beds(again=False)
        assert beds is not None
        assert [bed.name for bed in beds] == ["Ada", "Grace"]


async def test_each_sign_was_seen_when_its_own_reading_says_whatever_clock_the_newest_has() -> None:
    async with ward_scene() as scene:
        patient_id = scene.admit("1", "Ada")
        right = reading(at_s=100, patient=patient_id, device="watch-1", delay_s=2, spo2_percent=95)
        ahead = reading(at_s=140, patient=patient_id, device="cuff", delay_s=-30, systolic_mmhg=120)
        scene.store([right, ahead])

        (seed,) = (await source_of(scene).snapshot()).seeds

        assert seed.signs[Sign.SPO2].seen_at_ms == at_ms(100)
        assert seed.signs[Sign.SYSTOLIC].seen_at_ms == at_ms(110)
        for sign, of in ((Sign.SPO2, right), (Sign.SYSTOLIC, ahead)):
            assert seed.signs[sign].seen_at_ms == seen_at_ms(of)
