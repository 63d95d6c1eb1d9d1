"""Settings of the trainer and of the scorer that do not fit each other are found at start."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from runtime.composition import Ports
from runtime.settings import Configuration
from stream import __main__ as stream_main
from stream.settings import StreamSettings
from stream.trainer_settings import HOUR_S, TrainerSettings, check_examples
from vitals.errors import ConfigurationError


def test_the_defaults_fit_each_other() -> None:
    check_examples(TrainerSettings(), StreamSettings())


@pytest.mark.parametrize(("every_s", "waiting_max", "fits"), [(675, 128, True), (674, 128, False), (0, 10_000, False)])
def test_no_patient_makes_more_examples_than_may_wait_until_their_outcome_is_known(
    every_s: float, waiting_max: int, *, fits: bool
) -> None:
    trainer = TrainerSettings(waiting_per_patient_max=waiting_max)
    if fits:
        return check_examples(trainer, StreamSettings(example_every_s=every_s))
    with pytest.raises(
        ConfigurationError, match=r"trainer\.waiting_per_patient_max .* stream\.example_every_s"
    ) as refused:
        check_examples(trainer, StreamSettings(example_every_s=every_s))
    assert "trainer.horizon_s and trainer.charting_s" in str(refused.value)
    return None


def test_examples_that_are_too_rare_to_say_who_is_there_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"trainer\.charting_s .* stream\.example_every_s"):
        check_examples(TrainerSettings(charting_s=2 * HOUR_S), StreamSettings(example_every_s=1.5 * HOUR_S))


def test_the_trainer_does_not_start_with_settings_that_do_not_fit() -> None:
    configuration = Configuration({"stream": {"example_every_s": "5"}})
    ports = cast("Ports", SimpleNamespace(configuration=configuration))
    with pytest.raises(ConfigurationError, match="waiting_per_patient_max"):
        asyncio.run(stream_main._train(ports, asyncio.Event()))
