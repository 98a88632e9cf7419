"""Stopping with a guarantee: at most a share `alpha` of the tasks that would have succeeded are stopped.

Source: conformal risk control (arXiv 2208.02814) for the loss "stopped although it would have succeeded", taken over
the successes: with n of them held out, the threshold is the ceil((n + 1)(1 - alpha))-th smallest of their forecasts,
and a further success is stopped with probability at most alpha. Tasks must be exchangeable and the forecaster must not
have been trained on the held-out ones.
"""

from __future__ import annotations

import math

import numpy as np

from parcae.prediction.metrics import Bools, Floats


def stop_above(failed: Bools, p_fail: Floats, alpha: float = 0.05) -> float:
    """Stop tasks whose forecast is above this; infinite if there are too few successes to promise anything."""
    successes = np.sort(p_fail[~failed])
    place = math.ceil((len(successes) + 1) * (1 - alpha))
    return float(successes[place - 1]) if place <= len(successes) else math.inf
