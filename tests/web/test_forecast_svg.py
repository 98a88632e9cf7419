from __future__ import annotations

from parcae.core.events import Forecasted
from parcae.web.forecast_svg import draw_forecasts


def test_each_look_is_a_point_and_a_swap_is_ringed() -> None:
    looks = [
        Forecasted(scope="r", p_fail=0.25, trust=1.0, looked_at=(2, 2)),
        Forecasted(scope="r", p_fail=0.75, trust=0.5, looked_at=(4, 3)),
    ]
    drawn = draw_forecasts(looks, frozenset({(4, 3)}))
    assert drawn.count("<circle") == 2 and drawn.count("#d9730d") == 1
    assert "after [4, 3] steps: 75% likely to fail, trust 50%" in drawn
    assert "7 steps of all attempts" in drawn


def test_a_look_before_any_step_can_be_drawn() -> None:
    assert "<circle" in draw_forecasts([Forecasted(scope="r", p_fail=0.5, trust=0.0, looked_at=())])
