"""FHIR subscriptions over the API and to a real endpoint: requested, active, told, away, and caught up again."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio

from alerts.channels.registry import ChannelRegistry
from alerts.dispatch import Dispatcher
from alerts.notification_settings import NotificationsSettings
from dashboard.permissions import Permission, Role
from runtime.telemetry import Telemetry
from storage import people
from storage.notifications_telling import Telling, tell
from tests.support.channel_scene import LOOPBACK
from tests.support.endpoint import OK, Endpoint, answer
from tests.support.fhir_shapes import check_flag, check_notification_bundle, check_status, parameters_of, parts_of
from tests.support.people_scene import OTHER, OWN, PeopleScene, alert_of, people_scene
from vitals.fhir_subscription import BACKPORT, TOPIC
from vitals.reading import WardId

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]
CONTENT = BACKPORT + "backport-payload-content"


class Hospital:
    """A hospital's system: its token, its endpoint, and Wardlight's dispatcher."""

    def __init__(self, scene: PeopleScene, endpoint: Endpoint, dispatcher: Dispatcher) -> None:
        self.scene = scene
        self.endpoint = endpoint
        self.dispatcher = dispatcher
        self.headers: dict[str, str] = {}
        self.person_id = ""

    async def sign_up(self) -> None:
        """A ward manager of one ward, and a token that may manage notifications."""
        self.person_id = await self.scene.add("integration", (Role.WARD_MANAGER, OWN))
        self.headers = self.scene.token(self.person_id, (Permission.MANAGE_NOTIFICATIONS, Permission.SEE_WARD))

    def subscription(self, **changed: Any) -> dict[str, Any]:
        """What it posts."""
        channel = {
            "type": "rest-hook",
            "endpoint": self.endpoint.url("/notify"),
            "header": ["Authorization: Bearer of-the-hospital"],
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": CONTENT, "valueCode": "full-resource"}]},
        }
        resource = {
            "resourceType": "Subscription", "status": "requested", "reason": "Alerts for the EHR", "criteria": TOPIC,
            "channel": {**channel, **changed.pop("channel", {})},
        }  # fmt: skip
        return {**resource, **changed}

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> httpx.Response:
        """One request of the token's."""
        headers = {**self.headers, **({} if body is None else {"content-type": "application/fhir+json"})}
        return await self.scene.client.request(method, f"fhir/{path}", json=body, params=query, headers=headers)

    async def create(self, **changed: Any) -> str:
        """A subscription's id."""
        made = await self.ask("POST", "Subscription", self.subscription(**changed))
        assert made.status_code == 201, made.text
        assert made.headers["location"].endswith(f"/api/v1/fhir/Subscription/{made.json()['id']}")
        return str(made.json()["id"])

    async def send(self) -> None:
        """Everything that is due."""
        await self.dispatcher.look()
        await self.dispatcher.idle()

    def happens(self, patient: str, ward_id: WardId) -> None:
        """An alert."""
        step = alert_of(patient, ward_id)
        with self.scene.ward.database.transaction() as conn:
            tell(conn, [step], lambda *_: Telling(None, 3_600_000, is_ending=False), now_ms=self.scene.clock.now_ms())

    def told(self) -> list[dict[str, Any]]:
        """Every Bundle that arrived, each of the right shape."""
        bundles = [asked.json for asked in self.endpoint.asked]
        for bundle in bundles:
            check_notification_bundle(bundle)
        return bundles

    async def status(self, subscription_id: str) -> str:
        """Its state, by `$status`."""
        bundle = (await self.ask("GET", f"Subscription/{subscription_id}/$status")).json()
        check_status(bundle["entry"][0]["resource"])
        return str(parameters_of(bundle, "status")[0]["valueCode"])


@pytest_asyncio.fixture
async def hospital() -> AsyncIterator[Hospital]:
    async with AsyncExitStack() as stack:
        scene = await stack.enter_async_context(people_scene())
        endpoint = await stack.enter_async_context(Endpoint().listening())
        settings = NotificationsSettings(hosts_allowed=(LOOPBACK,), pace_s=0, request_s=0.5)
        registry = ChannelRegistry(settings, clock=scene.clock)
        stack.push_async_callback(registry.close)
        dispatcher = Dispatcher(
            database=scene.ward.database,
            door=scene.ward.door,
            clock=scene.clock,
            telemetry=Telemetry(),
            settings=settings,
            channels=registry.channels,
        )
        scene.furnish()
        made = Hospital(scene, endpoint, dispatcher)
        await made.sign_up()
        yield made


async def test_a_subscription_is_requested_then_active_once_its_endpoint_took_the_handshake(hospital: Hospital) -> None:
    made = await hospital.create()
    assert await hospital.status(made) == "requested"
    await hospital.send()
    assert await hospital.status(made) == "active"
    (handshake,) = hospital.told()
    assert parameters_of(handshake, "type")[0]["valueCode"] == "handshake"
    assert parameters_of(handshake, "status")[0]["valueCode"] == "requested"
    (asked,) = hospital.endpoint.asked
    assert asked.headers["authorization"] == "Bearer of-the-hospital"
    assert asked.headers["content-type"] == "application/fhir+json"


async def test_an_endpoint_that_refuses_the_handshake_leaves_it_in_error_until_its_owner_asks_again(
    hospital: Hospital,
) -> None:
    hospital.endpoint.answers = [answer(404), OK]
    made = await hospital.create()
    await hospital.send()
    assert await hospital.status(made) == "error"
    shown = (await hospital.ask("GET", f"Subscription/{made}")).json()
    assert shown["error"]
    assert "of-the-hospital" not in str(shown), "headers are write-only"
    hospital.scene.clock.pass_s(1)
    again = await hospital.ask("PUT", f"Subscription/{made}", hospital.subscription())
    assert again.json()["status"] == "requested"
    await hospital.send()
    assert await hospital.status(made) == "active"


async def test_events_are_told_in_full_and_counted_and_only_of_wards_its_owner_sees(hospital: Hospital) -> None:
    made = await hospital.create()
    await hospital.send()
    hospital.happens("pa", OWN)
    hospital.happens("pb", OTHER)
    await hospital.send()
    *_, event = hospital.told()
    assert len(hospital.told()) == 2
    assert parameters_of(event, "events-since-subscription-start")[0]["valueString"] == "1"
    flag = event["entry"][1]["resource"]
    assert flag["subject"]["identifier"]["value"] == "pa"
    assert "Patient a" not in str(event), "no name leaves"
    read = await hospital.ask("GET", f"Flag/{flag['id']}")
    check_flag(read.json())
    assert read.headers["content-type"] == "application/fhir+json"
    assert (await hospital.status(made)) == "active"


async def test_who_was_away_gets_by_number_exactly_what_it_missed(hospital: Hospital) -> None:
    made = await hospital.create()
    await hospital.send()
    hospital.endpoint.answers = [OK, answer(410)]
    hospital.happens("pa", OWN)
    await hospital.send()
    assert await hospital.status(made) == "error"
    events = (await hospital.ask("GET", f"Subscription/{made}/$events", eventsSinceNumber=1)).json()
    check_notification_bundle(events)
    assert parameters_of(events, "type")[0]["valueCode"] == "query-status"
    (event,) = parameters_of(events, "notification-event")
    assert parts_of(event)["event-number"]["valueString"] == "1"
    assert len(events["entry"]) == 2
    for since, until in ((2, 9), (0, 0)):
        query = {"eventsSinceNumber": since, "eventsUntilNumber": until}
        none = (await hospital.ask("GET", f"Subscription/{made}/$events", None, **query)).json()
        assert parameters_of(none, "notification-event") == []
    empty = (await hospital.ask("GET", f"Subscription/{made}/$events", content="empty")).json()
    assert len(empty["entry"]) == 1


async def test_who_lost_the_ward_reads_nothing_of_it_any_more(hospital: Hospital) -> None:
    made = await hospital.create()
    await hospital.send()
    hospital.happens("pa", OWN)
    with hospital.scene.ward.database.transaction() as conn:
        people.revoke(conn, hospital.person_id, people.StoredGrant("ward_manager", OWN))
        people.grant(conn, hospital.person_id, people.StoredGrant("ward_manager", OTHER), at_ms=1, by="test")
    events = (await hospital.ask("GET", f"Subscription/{made}/$events")).json()
    (event,) = parameters_of(events, "notification-event")
    assert set(parts_of(event)) == {"event-number", "timestamp"}
    assert "pa" not in [part for part in str(events).split("'") if part == "pa"]


async def test_nobody_else_sees_changes_or_ends_it(hospital: Hospital) -> None:
    made = await hospital.create()
    other = await hospital.scene.add("other", (Role.WARD_MANAGER, None))
    hospital.headers = hospital.scene.token(other)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/$status"), ("GET", "/$events")):
        refused = await hospital.ask(method, f"Subscription/{made}{path}")
        assert refused.status_code == 404
        assert refused.json()["resourceType"] == "OperationOutcome"
        assert refused.json()["issue"][0]["code"] == "not-found"
    assert (await hospital.ask("GET", "Subscription")).json()["total"] == 0
    nurse = await hospital.scene.add("nurse", (Role.NURSE, OWN))
    hospital.headers = hospital.scene.token(nurse)
    assert (await hospital.ask("POST", "Subscription", hospital.subscription())).status_code == 403


async def test_a_token_that_sees_less_than_its_owner_is_given_numbers_alone_and_asks_for_no_more(
    hospital: Hospital,
) -> None:
    made = await hospital.create()
    await hospital.send()
    hospital.happens("pa", OWN)
    with hospital.scene.ward.database.transaction() as conn:
        people.grant(conn, hospital.person_id, people.StoredGrant("ward_manager", OTHER), at_ms=1, by="test")
    scopes = (Permission.MANAGE_NOTIFICATIONS, Permission.SEE_WARD)
    for headers in (
        hospital.scene.token(hospital.person_id, scopes[:1]),
        hospital.scene.token(hospital.person_id, scopes, wards=(OTHER,)),
    ):
        hospital.headers = headers
        events = (await hospital.ask("GET", f"Subscription/{made}/$events")).json()
        (event,) = parameters_of(events, "notification-event")
        assert set(parts_of(event)) == {"event-number", "timestamp"}
        assert (await hospital.ask("POST", "Subscription", hospital.subscription())).status_code == 403


async def test_it_is_listed_by_endpoint_and_state_and_gone_once_deleted(hospital: Hospital) -> None:
    made = await hospital.create()
    found = (await hospital.ask("GET", "Subscription", status="requested,active")).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == [made]
    assert (await hospital.ask("GET", "Subscription", url="https://other.example")).json()["total"] == 0
    assert (await hospital.ask("GET", "Subscription/$status", id=made)).json()["total"] == 1
    assert (await hospital.ask("GET", "Subscription/$status", status="active")).json()["total"] == 0
    assert (await hospital.ask("DELETE", f"Subscription/{made}")).status_code == 204
    assert (await hospital.ask("GET", f"Subscription/{made}")).status_code == 404
    await hospital.send()
    assert hospital.endpoint.asked == []


async def test_filters_heartbeat_and_end_come_back_as_they_were_asked_for(hospital: Hospital) -> None:
    filters = {
        "extension": [{"url": BACKPORT + "backport-filter-criteria", "valueString": "Flag?ward=ward-a&priority=high"}]
    }
    heartbeat = {"extension": [{"url": BACKPORT + "backport-heartbeat-period", "valueUnsignedInt": 60}]}
    made = await hospital.create(_criteria=filters, channel=heartbeat, end="2099-01-31T12:00:00Z")
    shown = (await hospital.ask("GET", f"Subscription/{made}")).json()
    assert shown["_criteria"] == filters
    assert shown["channel"]["extension"] == heartbeat["extension"]
    assert shown["end"] == "2099-01-31T12:00:00.000Z"


async def test_what_is_not_understood_is_refused_in_fhirs_words(hospital: Hospital) -> None:
    refused = await hospital.ask("POST", "Subscription", hospital.subscription(criteria="Observation?code=8867-4"))
    assert refused.status_code == 422
    assert refused.json()["resourceType"] == "OperationOutcome"
    assert TOPIC in refused.json()["issue"][0]["diagnostics"]
    assert (await hospital.ask("GET", "Subscription")).json()["total"] == 0


async def test_only_the_status_can_be_changed(hospital: Hospital) -> None:
    made = await hospital.create()
    moved = hospital.subscription(channel={"endpoint": "https://other.example/"})
    assert (await hospital.ask("PUT", f"Subscription/{made}", moved)).status_code == 422
    off = await hospital.ask("PUT", f"Subscription/{made}", hospital.subscription(status="off"))
    assert off.json()["status"] == "off"


async def test_what_this_server_can_do_names_the_topic(hospital: Hospital) -> None:
    said = (await hospital.ask("GET", "metadata")).json()
    assert (said["resourceType"], said["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    assert TOPIC in str(said["rest"][0]["resource"][0]["extension"])
    topic = (await hospital.ask("GET", "Basic/alert")).json()
    assert topic["resourceType"] == "Basic"
    assert TOPIC in str(topic["extension"])


async def test_a_failure_that_may_pass_is_no_refusal(hospital: Hospital) -> None:
    made = await hospital.create()
    hospital.endpoint.answers = [answer(503)]
    await hospital.send()
    assert await hospital.status(made) == "requested"
