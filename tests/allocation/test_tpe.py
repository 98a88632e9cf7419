"""What Optuna is told of a long history."""

from __future__ import annotations

from parcae.allocation.strategies.tpe import BLOCK, MOST, _remembered


def test_optuna_is_told_everything_of_a_short_history() -> None:
    trials = [(number, float(number % 7)) for number in range(MOST)]
    assert _remembered(trials) == tuple(trials)


def test_of_a_long_history_it_keeps_the_best_and_the_latest_and_mostly_only_adds() -> None:
    trials = [(number, 1.0 if number == 3 else 0.5) for number in range(MOST + 3 * BLOCK)]
    changed = 0
    before = _remembered(trials[:MOST])
    for size in range(MOST + 1, len(trials) + 1):
        told = _remembered(trials[:size])
        assert len(told) <= MOST
        assert (3, 1.0) in told
        assert told[-1] == trials[size - 1]
        changed += told[: len(before)] != before
        before = told
    assert changed == 3
