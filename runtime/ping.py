"""One outgoing request that says: still here."""

import httpx

from vitals.errors import Unavailable


async def ping(url: str, *, timeout_s: float) -> None:
    """GET `url`; raises Unavailable unless it answers with success in time. The address, a secret, is never in the error."""
    try:
        async with httpx.AsyncClient(timeout=timeout_s, follow_redirects=True) as client:
            answer = await client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"The address of watchdog.ping_url does not answer ({type(error).__name__}).") from error
    if not answer.is_success:
        raise Unavailable(f"The address of watchdog.ping_url answers {answer.status_code}.")
