from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from parcae.allocation.costs import (
    configuration_costs,
    dollars,
    expected_dollars,
    flops_costs,
    flops_units,
    latency_seconds,
)
from parcae.allocation.space import Space, StageSpace
from parcae.core.usage import Price, Usage


@pytest.mark.parametrize(
    ("parameters", "prompt", "completion", "units"),
    [(72e9, 2048, 128, 814), (70e9, 256, 64, 115), (70e9, 1024, 2048, 1118), (2e9, 128, 64, 0)],
)
def test_the_papers_single_samples_cost_what_it_says(
    parameters: float, prompt: int, completion: int, units: int
) -> None:
    cost = float(flops_units(parameters, prompt, completion, 1))
    assert round(cost) == units


def affordable(first: int, budget_in_thirds: int) -> int:
    """How many configurations fit, counted in whole thirds of a unit so that ties are exact."""
    stages = []
    for completion in (1024, 512, 256):
        costs = [flops_units(size, 1024, completion, np.arange(first, 450)) for size in (3e9, 70e9)]
        thirds = np.rint(np.concatenate(costs) * 3).astype(np.int64)
        stages.append(thirds[thirds <= budget_in_thirds + 100])
    pairs = np.add.outer(stages[0], stages[1]).reshape(-1)
    return int(np.searchsorted(np.sort(stages[2]), budget_in_thirds - pairs, side="right").sum())


def test_the_chatdev_budget_is_the_largest_models_with_one_sample_each() -> None:
    total = sum(float(flops_units(70e9, 1024, completion, 1)) for completion in (1024, 512, 256))
    assert total == pytest.approx(5302 / 3)
    assert round(total, 1) == 1767.3


def test_the_chatdev_space_has_as_many_configurations_as_the_paper_says() -> None:
    assert affordable(first=1, budget_in_thirds=5302) == 1_715_779


def test_counting_no_samples_too_differs_from_the_papers_figure_by_ties_at_the_budget_only() -> None:
    """The paper's figure is 1,854,841; exact arithmetic gives more with the ties at the budget and less without."""
    assert affordable(first=0, budget_in_thirds=5301) == 1_854_836
    assert affordable(first=0, budget_in_thirds=5302) == 1_855_468


def in_floats(parameters: float, completion: int, samples: NDArray[np.float64]) -> NDArray[np.float64]:
    return parameters / 3e9 * (1024 + samples * completion) / 64 - 2


def test_in_floating_point_the_space_counting_no_samples_has_as_many_configurations_as_the_paper_says() -> None:
    """Of the 632 ties five survive the rounding of plain sums, compared with the plain sum that is the budget."""
    samples = np.arange(0.0, 450.0)
    stages = [np.concatenate([in_floats(m, length, samples) for m in (3e9, 70e9)]) for length in (1024, 512, 256)]
    budget = sum(float(in_floats(70e9, length, samples)[1]) for length in (1024, 512, 256))
    last = np.sort(stages[2])
    pairs = np.add.outer(stages[0], stages[1]).reshape(-1)
    surely = np.searchsorted(last, budget - 1e-6 - pairs)
    perhaps = np.searchsorted(last, budget + 1e-6 - pairs)
    ties = [
        bool(pairs[place] + cost <= budget)
        for place in np.flatnonzero(perhaps > surely)
        for cost in last[surely[place] : perhaps[place]]
    ]
    assert len(ties) == 632
    assert int(surely.sum()) + sum(ties) == 1_854_841


def test_a_configuration_costs_the_sum_of_its_stages() -> None:
    space = Space(
        stages=(
            StageSpace(name="a", models=("x", "y"), samples=(1, 2), parameters=(3e9, 72e9)),
            StageSpace(name="b", models=("x",), samples=(1, 4, 8), parameters=(3e9,)),
        )
    )
    stages = flops_costs(space, [(128, 64), (256, 64)])
    everything = configuration_costs(space, stages)
    for configuration in range(space.size):
        models, samples = space.digits(np.array([configuration]))
        expected = sum(stages[k][models[k, 0], samples[k, 0]] for k in range(2))
        assert everything[configuration] == pytest.approx(expected)
    some = np.array([5, 0, 11])
    assert configuration_costs(space, stages, some) == pytest.approx(everything[some])


def test_measured_dollars_count_fusion_and_cached_tokens() -> None:
    price = Price(prompt_usd=2.0, completion_usd=10.0, cached_usd=0.5)
    samples = [
        Usage(prompt_tokens=1000, completion_tokens=100),
        Usage(prompt_tokens=1000, cached_tokens=1000, completion_tokens=100),
    ]
    fusion = Usage(prompt_tokens=1300, completion_tokens=50)
    assert dollars(price, samples, fusion) == pytest.approx((2000 + 1000 + 500 + 1000 + 2600 + 500) / 1e6)


def test_an_unknown_price_is_not_free() -> None:
    assert dollars(None, [Usage(prompt_tokens=1)]) is None


def test_fusion_costs_nothing_where_there_is_nothing_to_fuse() -> None:
    price = Price(prompt_usd=1.0, completion_usd=2.0)
    costs = expected_dollars(price, 100, 10, [1, 2], fused=True)
    assert costs[0] == pytest.approx(120e-6)
    assert costs[1] == pytest.approx((240 + 120 + 20) * 1e-6)


def test_latency_counts_waves() -> None:
    assert list(latency_seconds(2.0, [1, 4, 5], at_once=4, fusion_seconds=1.0)) == [2.0, 3.0, 5.0]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), min_size=1, max_size=3), st.data())
def test_digits_and_numbers_are_inverse(sizes: list[tuple[int, int]], data: st.DataObject) -> None:
    space = Space(
        stages=tuple(
            StageSpace(name=f"s{k}", models=tuple(f"m{j}" for j in range(models)), samples=tuple(range(1, samples + 1)))
            for k, (models, samples) in enumerate(sizes)
        )
    )
    configuration = data.draw(st.integers(0, space.size - 1))
    assert space.number(space.choices(configuration)) == configuration
    assert space.compose(*space.digits(np.array([configuration])))[0] == configuration
