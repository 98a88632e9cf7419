from __future__ import annotations

import pickle

import pytest

from parcae.core import errors

SAMPLES = [
    errors.CallerMistake("no such file x", "name one that exists"),
    errors.ProviderFailed("429", "wait", may_retry=True, retry_after_seconds=2.0),
    errors.OutcomeUnknown("timed out"),
    errors.SandboxFailed("no bwrap", "install bubblewrap"),
    errors.StoreFailed("disk full"),
    errors.BudgetExceeded("run-1", "usd", 0.4, 0.5, 0.2),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling_with_their_facts(error: errors.ParcaeError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args, str(again), vars(again)) == (type(error), error.args, str(error), vars(error))


def test_the_sentence_ends_with_the_cure() -> None:
    assert str(SAMPLES[0]) == "no such file x; name one that exists"
    assert "raise `--budget`" in str(SAMPLES[-1])


def test_every_error_has_a_documented_exit_code() -> None:
    assert {type(error).__name__: error.exit_code for error in SAMPLES} == {
        "CallerMistake": 2,
        "ProviderFailed": 4,
        "OutcomeUnknown": 4,
        "SandboxFailed": 5,
        "StoreFailed": 6,
        "BudgetExceeded": 3,
    }
