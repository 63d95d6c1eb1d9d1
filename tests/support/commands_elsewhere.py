"""Documented commands that tests/integration/test_documented_commands.py does not run, each with the test that does."""

from collections.abc import Mapping

COMPOSE = (
    "tests/integration/test_compose_commands.py::test_every_service_gets_healthy_carries_readings_and_stops_in_time"
)
DEMO = "tests/e2e/test_demo.py::test_ctrl_c_ends_the_demo_within_its_deadline_with_an_account"
DEMO_TO_ITS_END = (
    "tests/e2e/test_demo.py"
    "::test_the_demo_ends_by_itself_with_an_account_in_which_nothing_is_lost_and_an_alert_was_raised"
)
BENCH = (
    "tests/integration/test_documented_commands.py"
    "::test_a_benchmark_measures_beside_its_floor_and_what_a_patient_costs_beside_its_bars"
)
OPERATIONS = "tests/integration/test_operations_doc.py"
HOSPITAL = f"{OPERATIONS}::test_a_hospital_comes_up_and_every_stage_moves_and_its_heartbeat_stops_with_the_scorer"
REALISM = "tests/integration/test_realism_recordings.py::test_healthy_patients_stay_close_to_recorded_ones"
ALARM_LOAD = "tests/integration/test_alarm_load.py::test_the_load_stays_within_its_targets_on_ward_and_recordings"
EVALUATED = "tests/integration/test_evaluate_recordings.py::test_the_command_and_the_card_of_its_report"
EVERY_SET = "tests/integration/test_evaluate_recordings.py::test_every_set_is_known_by_its_content"
CARD_KEPT = "tests/unit/evaluation/test_evaluate.py::test_a_card_of_what_was_kept_of_reports_is_the_same"
CARRIED_ON = "tests/unit/evaluation/test_adaptation.py::test_the_report_says_by_how_much_the_model_is_ahead_of_what_and_what_made_it"
LADDERS = "tests/integration/test_escalation_one_box.py::test_a_page_that_nobody_gets_goes_on_at_once_until_somebody_has_it_in_hand"
MODELS = "tests/unit/wardlight/test_learning_commands.py::test_a_version_is_put_in_force_or_retired_with_a_reason"
KEYS = "tests/unit/wardlight/test_keys_command.py"
TRIED = "tests/unit/wardlight/test_notifications_commands.py::test_a_test_that_is_not_accepted_fails_and_says_why"

STORMS = "tests/simulation/test_storms.py::test_a_ward_keeps_its_promises_in_the_storm_of_a_seed"

CHAOS = "tests/integration/test_chaos.py::test_a_sitting_of_two_faults_loses_doubles_and_invents_nothing"
CHAOS_TOLD = "tests/unit/chaos/test_results.py::test_faults_are_listed_and_the_table_is_printed_by_the_command"

DOORS = "tests/integration/test_device_doors.py"
RELOADED = (
    f"{DOORS}::test_rotation_overlaps_and_a_revoked_certificate_is_out_after_a_reload_its_connection_after_a_restart"
)

ELSEWHERE: Mapping[str, str] = {
    "make demo": DEMO,
    "make test": ".ci/run",
    "make check": "scripts/check",
    "make attacks": ".ci/run",
    "make audit": "tests/attacks/test_supply_chain.py::test_an_audit_that_cannot_ask_fails_and_says_so",
    "make fuzz": "tests/attacks/test_fuzz.py::test_no_request_breaks_the_api_tells_of_its_inside_or_crosses_wards",
    "make sbom": "tests/attacks/test_supply_chain.py::test_the_bill_of_materials_is_what_cyclonedx_says_one_is",
    "make bench": BENCH,
    "make pictures": "tests/e2e/test_page_ward.py::test_24_patients_stand_on_one_screen",
    "make simulate": STORMS,
    "make simulate SEED=123": STORMS,
    "make simulate SEEDS=1000": STORMS,
    "make simulate SEEDS=10000": STORMS,
    "make week": "tests/simulation/test_week_in_virtual_time.py::test_hours_of_a_ward_with_a_story_in_most_beds",
    "make sequences": "tests/property/test_alert_sequences.py::test_no_sequence_of_events_breaks_what_an_alert_engine_never_does",
    "make soak": "tests/integration/test_soak_short.py::test_a_short_sitting_samples_every_service_and_loses_nothing",
    "make overload": "tests/integration/test_overload_short.py"
    "::test_a_short_overload_loses_nothing_and_answers_every_critical_reading",
    "make chaos": CHAOS,
    ".venv/bin/python -m tests.chaos --fault kill-stream --minutes 30": CHAOS,
    ".venv/bin/python -m tests.chaos --list": CHAOS_TOLD,
    ".venv/bin/python -m tests.chaos --table": CHAOS_TOLD,
    "make month": "tests/simulation/test_month.py::test_nothing_is_missed_made_up_or_told_twice_whatever_crashes",
    "docker compose kill -s HUP mosquitto": RELOADED,
    "docker compose restart mosquitto": RELOADED,
    "mosquitto_pub -h ward.example -p 8883 --cafile authority.pem --cert certificate.pem --key key.pem -q 1"
    " -t wardlight/v1/devices/watch-1/readings"
    ' -m \'{"measured_at": "\'$(date -u +%FT%TZ)\'", "signs": {"heart_rate_bpm": 72}}\'': f"{DOORS}"
    "::test_whoever_belongs_there_comes_in_and_is_heard",
    "mosquitto_pub -h ward.example -p 8884 --cafile authority.pem --cert certificate.pem --key key.pem -i watch-1"
    " -t wardlight/v1/check -n": f"{DOORS}::test_a_service_throws_out_a_revoked_device_by_its_client_id",
    "wardlight bench scorer --json": BENCH,
    "wardlight bench simulator": BENCH,
    "wardlight demo --beds 24 --for 60s --json": DEMO_TO_ITS_END,
    "wardlight demo": DEMO,
    "wardlight ingest": HOSPITAL,
    "wardlight up": "tests/integration/test_one_box.py::test_a_box_that_is_killed_again_and_again_keeps_every_receipted_reading",
    "docker compose up": COMPOSE,
    "docker compose up --build -d": COMPOSE,
    "wardlight realism DIRECTORY": REALISM,
    "wardlight log prepare": COMPOSE,
    "wardlight db grant": "tests/integration/test_postgres_access.py"
    "::test_the_command_makes_roles_with_the_passwords_of_the_settings",
    "wardlight evaluate DIRECTORY": EVALUATED,
    "wardlight model-card REPORT": EVALUATED,
    "wardlight model-card REPORT docs/model-card.json --keep docs/model-card.json > docs/model-card.md": CARD_KEPT,
    "wardlight evaluate sepsis2019 --prior none --seed 1 --json": EVALUATED,
    "wardlight evaluate 'sepsis2019#unit=surgical' --after 'sepsis2019#unit=medical' --prior none"
    " --seed 1 --seed 2 --seed 3 --no-reference --json": CARRIED_ON,
    "wardlight evaluate icu2012 mimic3_demo rhythm exam_e4 bidmc mimic2_minute smartwatch_covid"
    " --prior none --seed 1 --json": EVERY_SET,
    "wardlight evaluate sepsis2019 --prior none --seed 1 --seed 2 --seed 3 --no-reference --json": EVALUATED,
    "wardlight alarm-load DIRECTORY": ALARM_LOAD,
    "wardlight alarm-load DIRECTORY --beds 0": ALARM_LOAD,
    "wardlight alarm-load --beds 40 --hours 30 --every 60": ALARM_LOAD,
    'wardlight models promote 2 --reason "Better log-loss over four weeks"': MODELS,
    'wardlight models promote 0 --reason "Back to what Wardlight came with"': MODELS,
    'wardlight models retire 1 --reason "Not to be used again"': MODELS,
    'wardlight models restore 1 --reason "Retired by mistake"': MODELS,
    "wardlight ladders check": LADDERS,
    "wardlight contacts test DESTINATION": LADDERS,
    "wardlight destinations test DESTINATION": TRIED,
    "wardlight keys make": f"{KEYS}::test_a_hospital_names_its_file_and_makes_it_first",
    "wardlight keys rotate --to KEY": f"{KEYS}::test_a_key_is_handed_out_before_it_seals",
    "wardlight keys recipient heart-lab": f"{KEYS}::test_a_recipient_has_one_key_for_ever",
    "wardlight export --recipient heart-lab --ward ward-3 --from 30d --output heart-lab.csv": f"{KEYS}::test_a_file_of_an_export_is_private_new_and_whole_or_not_there",
}
"""Command, to a test (`file::function`), or to a script that is itself the command."""

WALKED: Mapping[str, str] = {"docs/operations.md": OPERATIONS}
"""Pages whose marked blocks are steps of one way, and the test that walks it; it names every mark."""
WALKED_BY_HAND = "walked by hand"
"""How the mark of a block begins that no test can walk, such as installing."""
