"""What is said of a prediction, without a run."""

import re
from types import SimpleNamespace

import pytest

from benchmark.studies.explain.explanation import compare_with_record
from mer_lightning.protocols import get_protocol
from mer_lightning.types import Prediction


def predicted(prediction, scores):
    recorded = Prediction("smic/s01/a", 0, prediction, scores)
    return SimpleNamespace(run=SimpleNamespace(protocol=get_protocol("smic-3")), prediction=recorded)


@pytest.mark.parametrize(
    ("recorded", "same", "says"),
    [
        (predicted(1, (0.1, 0.7, 0.2)), True, r"^predicts positive with 0\.700, as recorded$"),
        (predicted(1, ()), True, r"^predicts positive with 0\.700, as recorded$"),
        (predicted(1, (0.1, 0.6, 0.3)), True, r"as recorded, but its probabilities are 0\.100 apart$"),
        (predicted(0, (0.7, 0.1, 0.2)), False, r"^WARNING: this network predicts positive, recorded is negative"),
    ],
)
def test_a_network_is_compared_with_what_was_recorded(recorded, same, says):
    found, said = compare_with_record(recorded, [0.1, 0.7, 0.2])
    assert found is same
    assert re.search(says, said)
