"""Every model class of stream passes the one conformance suite."""

from typing import Any

import pytest

from stream.anomaly_trees import AnomalyTrees, TreeParameters, TreeState
from stream.baseline import BaselineParameters, PersonalBaselines, SignBaseline
from stream.pipeline import PatientPipeline, PipelineParameters, PipelineState
from tests.support.model_conformance import USUAL, ModelCase, ModelConformance, Signs
from vitals.sign import Sign

BASELINE = BaselineParameters()
TREES = TreeParameters()
PIPELINE = PipelineParameters()


def learn_with_pipeline(model: PatientPipeline, signs: Signs, at_ms: int) -> None:
    scored = model.score(signs, at_ms)
    model.learn(scored, held_back=scored.flagged)


def around_usual(signs: Signs) -> dict[Sign, float]:
    """Deviations from the suite's patient, for models that see only those."""
    return {sign: value - USUAL[sign][0] for sign, value in signs.items()}


CASES = [
    ModelCase(
        name="personal baselines",
        build=lambda: PersonalBaselines(BASELINE),
        score=lambda model, signs, at_ms: model.score(signs, at_ms),
        learn=lambda model, signs, at_ms: model.learn(signs, at_ms),
        dump=lambda model: model.dump(),
        load=lambda state: PersonalBaselines.load(BASELINE, state),
        state=dict[Sign, SignBaseline],
        bytes_max=30_000,
        snapshot_bytes_max=6_000,
    ),
    ModelCase(
        name="anomaly trees",
        build=lambda: AnomalyTrees(TREES),
        score=lambda model, signs, at_ms: model.score(around_usual(signs), at_ms),
        learn=lambda model, signs, at_ms: model.learn(around_usual(signs), at_ms),
        dump=lambda model: model.dump(),
        load=lambda state: AnomalyTrees.load(TREES, state),
        state=TreeState,
        bytes_max=20_000,
        snapshot_bytes_max=4_000,
    ),
    ModelCase(
        name="patient pipeline",
        build=lambda: PatientPipeline(PIPELINE),
        score=lambda model, signs, at_ms: model.score(signs, at_ms).anomaly,
        learn=learn_with_pipeline,
        dump=lambda model: model.dump(),
        load=lambda state: PatientPipeline(PIPELINE, state),
        state=PipelineState,
        bytes_max=40_000,
        snapshot_bytes_max=6_000,
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: str(case.name))
def case(request: pytest.FixtureRequest) -> Any:
    return request.param


class TestEveryModel(ModelConformance):
    """The suite, over all cases."""
