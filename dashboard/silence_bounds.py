"""What a silence may cover and for how long: bounds of the installation, never indefinite. Pure."""

from dashboard.alert_schemas import NewSilence
from dashboard.settings import DashboardSettings
from vitals.alert import Priority
from vitals.errors import Conflict, InvalidArgument


def check_silence(new: NewSilence, settings: DashboardSettings) -> None:
    """Raises InvalidArgument for what may never be, Conflict for what has to be said a second time."""
    if new.priority is not Priority.HIGH:
        if new.minutes > settings.silence_minutes_max:
            raise InvalidArgument(f"A silence lasts {settings.silence_minutes_max} min at most, not {new.minutes}.")
        return
    if new.patient_id is None or new.kind is None:
        raise InvalidArgument("High priority can be kept quiet for one patient and one kind only: name both.")
    if new.minutes > settings.silence_high_minutes_max:
        raise InvalidArgument(
            f"A silence of high priority lasts {settings.silence_high_minutes_max} min at most, not {new.minutes}."
        )
    if not new.confirmed:
        raise Conflict(
            f"This keeps {new.kind.value} of one patient quiet at HIGH priority for {new.minutes} min."
            " Say it a second time to do so (confirmed=true)."
        )
