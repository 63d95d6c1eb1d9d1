"""Every channel of a process, over one door for HTTP and one for e-mail."""

from zoneinfo import ZoneInfo

from alerts.channels.alertmanager import AlertmanagerChannel
from alerts.channels.chats import SlackChannel, TeamsChannel
from alerts.channels.email import EmailChannel
from alerts.channels.fhir import FhirChannel
from alerts.channels.ntfy import NtfyChannel
from alerts.channels.other_services import OtherServicesChannel
from alerts.channels.settings import ChannelSettings
from alerts.channels.texts import Texts
from alerts.channels.webhook import WebhookChannel
from alerts.notification import Channel, Channels
from runtime.address_guard import AddressGuard, AllowedHost
from runtime.blocking import DaemonDoor
from runtime.clock import Clock
from runtime.outgoing_http import OutgoingHttp, Resolver


class ChannelRegistry:
    """Made once per process; `close` ends its connections."""

    def __init__(self, settings: ChannelSettings, *, clock: Clock, resolver: Resolver | None = None) -> None:
        guard = AddressGuard([AllowedHost.parse(entry) for entry in settings.hosts_allowed])
        self._http = OutgoingHttp(guard, limits=settings.outgoing_limits(), ca_file=settings.ca_file, resolver=resolver)
        post = DaemonDoor(name="email", threads_max=settings.smtp_threads_max)
        texts = Texts.load(zone=ZoneInfo(settings.time_zone))
        self.channels: Channels = {
            Channel.WEBHOOK: WebhookChannel(self._http, clock=clock),
            Channel.EMAIL: EmailChannel(settings, clock=clock, texts=texts, door=post),
            Channel.NTFY: NtfyChannel(self._http, clock=clock, texts=texts),
            Channel.SLACK: SlackChannel(self._http, clock=clock, texts=texts),
            Channel.TEAMS: TeamsChannel(self._http, clock=clock, texts=texts),
            Channel.ALERTMANAGER: AlertmanagerChannel(self._http, clock=clock),
            Channel.APPRISE: OtherServicesChannel(settings, texts=texts),
            Channel.FHIR: FhirChannel(self._http, clock=clock),
        }

    async def close(self) -> None:
        """End them; what hangs in a thread is left behind."""
        await self._http.close()
