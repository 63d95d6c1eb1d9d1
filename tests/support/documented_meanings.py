"""What the documents' words in capitals stand for in the live ward: somebody, something, made for the command that names it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runtime.clock import SystemClock

if TYPE_CHECKING:
    from tests.support.documented_ward import DocumentedWard

LONG_AGO_MS = 2 * 86_400_000
"""Since how long a device made for a command has been worn: before any time of day that a document names."""


class Meanings:
    """Each word of one command, and what it needs to be there first."""

    def __init__(self, ward: "DocumentedWard") -> None:
        self._ward = ward
        self._made = 0
        self._entry = ""
        self._change = ""
        self._outcome = ""

    def of(self, word: str, command: str) -> str:
        """What `word` stands for in `command`; fails the test where nobody says."""
        meanings: dict[str, Callable[[], object]] = {
            "PATIENT": self._patient_for(command),
            "OTHER": self._worn_device if "devices" in command else self._new_patient,
            "DEVICE": self._device_for(command),
            "ENTRY": lambda: self._entry,
            "CHANGE": lambda: self._change,
            "OUTCOME": lambda: self._outcome,
            "CORRECTION": self._correction,
            "SILENCE": self._silence,
            "EPISODE": lambda: self._open_episode()["episode_id"],
            "REJECTION": lambda: self._ward.await_value(lambda: self._ward.api.get("rejected"))[0]["rejection_id"],
            "FILE": self._file_for(command),
            "EXPORT": lambda: self._written("audit export"),
            "DESTINATION": self._destination,
            "SUBSCRIPTION": self._subscription,
            "SCHEDULE": self._schedule,
            "LOGIN": lambda: "ada",
            "WARD": self._ward_with_ladder,
            "PRIORITY": lambda: "high",
            "PORT": lambda: self._ward.broker.port,
        }
        if word not in meanings:
            pytest.fail(f"Nobody says what {word} stands for in: {command}")
        return str(meanings[word]())

    def _patient_for(self, command: str) -> Callable[[], str]:
        if "--withdraw" in command:
            return self._charted_patient
        if "outcomes withdraw" in command:
            return self._patient_with_outcome
        if "limits end" in command:
            return self._limited_patient
        return self._measured_patient if "history" in command or "api/v1" in command else self._new_patient

    def _device_for(self, command: str) -> Callable[[], str]:
        if "devices add" in command:
            return lambda: f"device-{self._next()}"
        return self._new_device if "devices assign" in command else self._worn_device

    def _file_for(self, command: str) -> Callable[[], object]:
        if "replay" in command:
            return lambda: self._ward.directory / "recording"
        if "ladders" in command:
            return self._ladders
        if "--secret-file" in command:
            return self._secret
        if "rules" in command:
            return self._rulebook
        if "--anchor" in command:
            return lambda: self._written("audit anchor")
        return self._backup if "restore" in command else self._new_file

    def _new_patient(self) -> str:
        number = self._next()
        body = {"name": f"Somebody {number}", "ward_id": "north", "bed": str(number)}
        return str(self._ward.api.post("patients", body)["patient_id"])

    def _measured_patient(self) -> str:
        return str(self._ward.await_value(lambda: self._ward.devices_named("sim-"))[0]["patient_id"])

    def _charted_patient(self) -> str:
        patient = self._new_patient()
        self._entry = str(self._ward.ask("chart", patient, "acvpu=A")[0]["entry_id"])
        return patient

    def _patient_with_outcome(self) -> str:
        patient = self._new_patient()
        self._ward.api.post(f"patients/{patient}/outcomes", {"kind": "sepsis"})
        found = self._ward.await_value(lambda: self._ward.api.get(f"patients/{patient}/outcomes"))
        self._outcome = str(found[0]["outcome_id"])
        return patient

    def _limited_patient(self) -> str:
        patient = self._new_patient()
        until_ms = SystemClock().now_ms() + 3_600_000
        body = {"kind": "spo2-low", "limits": [84], "until": until_ms, "reason": "for an hour"}
        self._change = str(self._ward.api.post(f"patients/{patient}/alert-limits", body)["change_id"])
        return patient

    def _rulebook(self) -> Path:
        file = self._new_file()
        file.write_text("format: 1\nname: as it comes\n", encoding="utf-8")
        return file

    def _new_device(self) -> str:
        device = f"device-{self._next()}"
        self._ward.api.post("devices", {"device_id": device, "ward_id": "north"})
        return device

    def _worn_device(self) -> str:
        device = self._new_device()
        from_ms = SystemClock().now_ms() - LONG_AGO_MS
        self._ward.api.post(f"devices/{device}/assign", {"patient_id": self._new_patient(), "from_ms": from_ms})
        return device

    def _correction(self) -> str:
        device, right = self._worn_device(), self._new_patient()
        self._ward.ask(f"devices correct {device} --since 1h --to {right} --reason 'mixed up'")
        return str(self._ward.ask("corrections list")[0]["correction_id"])

    def _silence(self) -> str:
        order = {"ward_id": "ward", "kind": "clock-wrong", "minutes": 5, "reason": "to be ended by the reader"}
        return str(self._ward.api.post("silences", order)["silence_id"])

    def _open_episode(self) -> dict[str, Any]:
        device = self._ward.publish_low_saturation()

        def found() -> list[dict[str, Any]]:
            patients = {row["patient_id"] for row in self._ward.devices_named(device)}
            return [row for row in self._ward.api.get("alerts", active="true") if row["patient_id"] in patients]

        episode: dict[str, Any] = self._ward.await_value(found)[0]
        return episode

    def _destination(self) -> str:
        body = {"name": f"pager {self._next()}", "channel": "webhook", "address": "https://pager.example/hook"}
        return str(self._ward.api.post("destinations", body)["destination_id"])

    def _subscription(self) -> str:
        body = {"name": f"wish {self._next()}", "destination_id": self._destination(), "wards": ["north"]}
        return str(self._ward.api.post("subscriptions", body)["subscription_id"])

    def _secret(self) -> Path:
        file = self._new_file()
        file.write_text("whsec_d2FyZGxpZ2h0LXdhcmRsaWdodC13YXJkbGln\n", encoding="utf-8")
        return file

    def _schedule(self) -> str:
        name = f"schedule-{self._next()}"
        layer = {"people": ["ada"], "starts": "2026-01-05"}
        self._ward.api.post("schedules", {"schedule_id": name, "time_zone": "Europe/Berlin", "layers": [layer]})
        return name

    def _ladder(self) -> dict[str, Any]:
        steps = [{"after_s": 0, "to": ["screen"]}, {"after_s": 60, "to": ["role:physician"]}]
        return {"ward_id": "north", "priority": "high", "steps": steps}

    def _ward_with_ladder(self) -> str:
        return str(self._ward.api.post("ladders", self._ladder())["ward_id"])

    def _ladders(self) -> Path:
        file = self._new_file()
        file.write_text(json.dumps({"ladders": [self._ladder()]}), encoding="utf-8")
        return file

    def _new_file(self) -> Path:
        return self._ward.directory / f"file-{self._next()}"

    def _backup(self) -> Path:
        file = self._new_file()
        self._ward.ask(f"backup {file} --config box.toml")
        return file

    def _written(self, command: str) -> Path:
        file = self._new_file()
        done = self._ward.run(f"wardlight {command} > {file}")
        assert done.returncode == 0, done.stderr
        return file

    def _next(self) -> int:
        self._made += 1
        return self._made
