"""What a stage and a configuration cost: the paper's FLOPs form, measured dollars, latency. One function each.

Knows nothing of scores. Costs add up over stages, so a configuration's cost is a sum of one number a stage.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parcae.allocation.space import Indices, Space
from parcae.core.usage import Price, Usage

Floats = NDArray[np.float64]

REFERENCE_PARAMETERS = 3e9
REFERENCE_TOKENS = 64
REFERENCE_PROMPT_UNITS = 2


def flops_units(parameters: float, prompt_tokens: float, completion_tokens: float, samples: ArrayLike) -> Floats:
    """Cost of a stage in units of one sample of a 3B model on 128 prompt and 64 generated tokens.

    M * (Np + S * Nd) / (3e9 * 64) - 2: the prompt is read once, each sample is decoded in full, and the reference's
    own prompt (2 units) is subtracted. Leaves out the fusion call, caching and real lengths.

    Source: AgentTTS (arXiv:2508.00890), section 3; PAPERS section 2.
    """
    drawn = np.asarray(samples, dtype=np.float64)
    tokens = prompt_tokens + drawn * completion_tokens
    return parameters / REFERENCE_PARAMETERS * tokens / REFERENCE_TOKENS - REFERENCE_PROMPT_UNITS


def dollars(price: Price | None, samples: Sequence[Usage], fusion: Usage | None = None) -> float | None:
    """US dollars of a stage: each sample's own call, retries as calls of their own, and the fusion call if any.

    None if the price is unknown. Cached tokens are charged as the price says.
    """
    if price is None:
        return None
    calls = [*samples, *([] if fusion is None else [fusion])]
    return sum(price.cost_usd(usage) for usage in calls)


def expected_dollars(
    price: Price, prompt_tokens: float, completion_tokens: float, samples: ArrayLike, *, fused: bool = False
) -> Floats:
    """US dollars of a stage with these mean token counts a call.

    Fusion is one more call by the same model that reads every sample and writes one answer; with one sample there is
    nothing to fuse. No caching is assumed.
    """
    drawn = np.asarray(samples, dtype=np.float64)
    one = prompt_tokens * price.prompt_usd + completion_tokens * price.completion_usd
    reading = (prompt_tokens + drawn * completion_tokens) * price.prompt_usd
    fusion = np.where(drawn > 1, reading + completion_tokens * price.completion_usd + price.request_usd * 1e6, 0.0)
    total = drawn * (one + price.request_usd * 1e6) + (fusion if fused else 0.0)
    return np.asarray(total / 1e6, dtype=np.float64)


def latency_seconds(sample_seconds: float, samples: ArrayLike, *, at_once: int, fusion_seconds: float = 0.0) -> Floats:
    """Wall time of a stage: its samples in waves of `at_once`, then the fusion call if there is one to make."""
    drawn = np.asarray(samples, dtype=np.float64)
    waves = np.ceil(drawn / at_once)
    return np.asarray(waves * sample_seconds + np.where(drawn > 1, fusion_seconds, 0.0), dtype=np.float64)


def configuration_costs(space: Space, stage_costs: Sequence[Floats], configurations: Indices | None = None) -> Floats:
    """Cost of each configuration: the sum of its stages' costs.

    Args:
        space: the stages.
        stage_costs: for each stage, shape (models, samples).
        configurations: which ones; None is all of them, in order.

    Returns:
        float64, shape (len(configurations),) or (space.size,).
    """
    flat = [np.asarray(costs, dtype=np.float64).reshape(-1) for costs in stage_costs]
    if configurations is not None:
        places = np.unravel_index(configurations, space.shape)
        total = flat[0][places[0]].copy()
        for costs, place in zip(flat[1:], places[1:], strict=True):
            total += costs[place]
        return np.asarray(total, dtype=np.float64)
    total = flat[0]
    for costs in flat[1:]:
        total = np.add.outer(total, costs).reshape(-1)
    return np.asarray(total, dtype=np.float64)


def flops_costs(space: Space, lengths: Sequence[tuple[float, float]]) -> list[Floats]:
    """The FLOPs form for every stage, shape (models, samples) each; `lengths` holds (prompt, completion) tokens.

    NaN where a model's size is unknown.
    """
    return [
        np.stack(
            [
                flops_units(np.nan if size is None else size, prompt, completion, stage.samples)
                for size in stage.parameters
            ]
        )
        for stage, (prompt, completion) in zip(space.stages, lengths, strict=True)
    ]
