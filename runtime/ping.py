"""One outgoing request that says: still here."""

from runtime.address_guard import AddressGuard
from runtime.outgoing_http import NoAnswer, OutgoingHttp, OutgoingLimits
from vitals.errors import Unavailable

_SUCCESS = range(200, 300)


async def ping(url: str, *, timeout_s: float) -> None:
    """GET `url`; raises Unavailable unless it answers with success in time. The address, a secret, is never in the error.

    Whoever runs the box wrote the address into its settings, so it may be anywhere.
    """
    http = OutgoingHttp(
        AddressGuard((), trusting=True), limits=OutgoingLimits(connect_s=timeout_s, request_s=timeout_s)
    )
    try:
        answer = await http.request("GET", url)
    except NoAnswer as error:
        raise Unavailable(f"The address of watchdog.ping_url does not answer ({error.fault}).") from error
    finally:
        await http.close()
    if answer.status not in _SUCCESS:
        raise Unavailable(f"The address of watchdog.ping_url answers {answer.status}.")
