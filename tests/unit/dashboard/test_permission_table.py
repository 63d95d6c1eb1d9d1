"""The table of permissions and the routes of the application name each other exactly."""

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from dashboard.app import create_app
from dashboard.permissions import ROLE_PERMISSIONS, RULES, Permission, Role
from tests.support.ward_scene import ward_scene


@pytest.mark.asyncio
async def test_every_route_has_its_rule_and_every_rule_its_route() -> None:
    async with ward_scene() as scene:
        app = create_app(scene.context())
    routed: set[str] = set()
    for route in iter_route_contexts(app.routes):
        methods = {"GET"} if isinstance(route.original_route, Mount) else (route.methods or set()) - {"HEAD"}
        routed |= {f"{method} {route.path}" for method in methods}
    assert routed - RULES.keys() == set(), "give each of these routes its line in dashboard/permissions.py"
    assert RULES.keys() - routed == set(), "these rules name no route"


def test_every_role_has_permissions_and_every_permission_a_role() -> None:
    assert ROLE_PERMISSIONS.keys() == set(Role)
    assert frozenset().union(*ROLE_PERMISSIONS.values()) == set(Permission)
