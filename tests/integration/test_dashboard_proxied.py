"""What is said of a proxy in front that the settings do not name."""

import httpx
import pytest
from structlog.testing import capture_logs

from tests.support.ward_scene import serving, ward_scene

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]
COUNTED = "wardlight_dashboard_forwarded_unbelieved_total"
TOLD = "forwarded_by_an_address_not_trusted"


@pytest.mark.parametrize(
    ("trusted", "headers", "passed_on"),
    [
        ((), {"x-forwarded-for": "203.0.113.7"}, 3),
        (("127.0.0.1",), {"x-forwarded-for": "203.0.113.7"}, 0),
        ((), {}, 0),
    ],
)
async def test_a_proxy_that_is_not_trusted_is_logged_once_and_counted(
    trusted: tuple[str, ...], headers: dict[str, str], passed_on: int
) -> None:
    async with ward_scene() as scene:
        scene.settings = scene.settings.model_copy(update={"trusted_proxies": trusted})
        with capture_logs() as logs:
            async with serving(scene) as dashboard, httpx.AsyncClient(trust_env=False) as client:
                for _ in range(3):
                    assert (await client.get(dashboard.url, headers=headers)).status_code == 200
        assert [line["address"] for line in logs if line["event"] == TOLD] == ["127.0.0.1"][:passed_on]
        assert (scene.telemetry.value(COUNTED) or 0) == passed_on
