"""Settings of the trainer."""

from pydantic import Field

from runtime.settings import Section
from stream.lessons import LessonRules
from stream.settings import StreamSettings
from vitals.errors import ConfigurationError

HOUR_S = 3600.0


class TrainerSettings(Section):
    """Table `[trainer]`."""

    horizon_s: float = Field(default=12 * HOUR_S, ge=60, le=14 * 24 * HOUR_S)
    """Deterioration within this time after an example makes it positive."""
    charting_s: float = Field(default=12 * HOUR_S, ge=HOUR_S, le=30 * 24 * HOUR_S)
    """So long after the horizon an outcome may still be charted or taken back, and the patient is to be heard of: at least
    twice the time between two examples. Then the example is settled, whatever became of the patient."""
    aftermath_s: float = Field(default=24 * HOUR_S, ge=0, le=30 * 24 * HOUR_S)
    """For so long after an outcome a patient's examples teach nothing."""
    settle_slack_s: float = Field(default=60.0, ge=0, le=3600)
    """So much longer than needed the trainer waits, for what reaches the log late and for clocks that differ."""
    useful_weight: float = Field(default=0.3, gt=0, le=1)
    not_actionable_weight: float = Field(default=0.5, gt=0, le=1)
    unreviewed_weight: float = Field(default=0.25, gt=0, le=1)
    """What lessons weigh: docs/learning.md, section Trainer."""
    waiting_per_patient_max: int = Field(default=128, ge=1, le=10_000)
    """Examples of one patient that wait for their outcome; while so many do, newer ones are left out."""
    patient_days: float = Field(default=60, ge=1, le=3650)
    """Patients last seen so long ago are forgotten, with what still waits of them."""
    alert_share: float = Field(default=0.02, gt=0, le=0.5)
    """The threshold of a version is the probability that this share of moments reached lately: the budget of risk alerts."""
    lessons_min: int = Field(default=200, ge=1, le=1_000_000)
    """A version is made once so many new lessons were learned,"""
    version_every_s: float = Field(default=24 * HOUR_S, ge=1)
    """or after this time, if any were,"""
    version_gap_s: float = Field(default=HOUR_S, ge=0)
    """and never sooner after the last than this: every version is kept."""
    positives_min: int = Field(default=5, ge=1, le=100_000)
    """A candidate makes no version before so many of its lessons were of deterioration, and so many were not."""
    candidates_max: int = Field(default=3, ge=1, le=8)
    """Candidates that learn side by side, the champion included."""
    lessons_per_step_max: int = Field(default=200, ge=1, le=1000)
    """Examples settled at once."""
    records_max: int = Field(default=500, ge=1, le=1000)
    """Records per poll."""
    poll_timeout_s: float = Field(default=0.5, gt=0, le=10)
    remember_every_s: float = Field(default=30.0, ge=0, le=300)
    """How often what was learned is stored with its positions; what came since is replayed after a crash."""
    announce_every_s: float = Field(default=2.0, ge=0, le=300)
    """How often the trainer looks for versions and switches that the log does not have yet."""

    @property
    def rules(self) -> LessonRules:
        """When examples are settled, and what they weigh."""
        return LessonRules(
            horizon_s=self.horizon_s,
            charting_s=self.charting_s,
            aftermath_s=self.aftermath_s,
            useful_weight=self.useful_weight,
            not_actionable_weight=self.not_actionable_weight,
            unreviewed_weight=self.unreviewed_weight,
        )


def check_examples(trainer: TrainerSettings, stream: StreamSettings) -> None:
    """Raises ConfigurationError where examples come too densely to wait for their outcome, or too rarely to say who is there."""
    held_s = trainer.waiting_per_patient_max * stream.example_every_s
    settles_s = trainer.horizon_s + trainer.charting_s
    if held_s < settles_s:
        raise ConfigurationError(
            f"trainer.waiting_per_patient_max ({trainer.waiting_per_patient_max}) examples, one each stream.example_every_s"
            f" ({stream.example_every_s:g} s), are those of {held_s / HOUR_S:.1f} h, and an example waits for"
            f" {settles_s / HOUR_S:.1f} h (trainer.horizon_s and trainer.charting_s): raise one of the first two, or examples"
            " would be left out."
        )
    if trainer.charting_s < 2 * stream.example_every_s:
        raise ConfigurationError(
            f"trainer.charting_s ({trainer.charting_s:g} s) must be at least twice stream.example_every_s"
            f" ({stream.example_every_s:g} s): a patient is to be heard of between the end of the horizon and that of the time"
            " to chart, or teaches nothing."
        )
