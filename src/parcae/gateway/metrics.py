"""What the gateway counts, in Prometheus' text format. Knows nothing of requests."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from parcae.core.usage import Usage

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(slots=True)
class Metrics:
    """Counters of one process."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    upstream_errors: Counter[str] = field(default_factory=Counter)
    tokens: Counter[tuple[str, str]] = field(default_factory=Counter)
    cost_usd: dict[str, float] = field(default_factory=dict)
    runs: int = 0
    swaps: int = 0
    stops: int = 0
    would_act: int = 0
    would_save_usd: float = 0.0
    failovers: int = 0
    looks: int = 0
    p_fail: float = 0.0
    disconnects: int = 0
    in_flight: int = 0
    seconds: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    seconds_sum: float = 0.0

    def looked(self, p_fail: float) -> None:
        """A forecast was made."""
        self.looks += 1
        self.p_fail += p_fail

    def used(self, model: str, usage: Usage, cost_usd: float | None) -> None:
        """A model was paid for."""
        self.tokens[model, "prompt"] += usage.prompt_tokens
        self.tokens[model, "completion"] += usage.completion_tokens
        self.cost_usd[model] = self.cost_usd.get(model, 0.0) + (cost_usd or 0.0)

    def took(self, endpoint: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self.requests[endpoint, status] += 1
        self.seconds[bisect_left(_BOUNDS, seconds)] += 1
        self.seconds_sum += seconds

    def text(self, gauges: Mapping[str, float], in_flight: Mapping[str, int]) -> str:
        """The page that Prometheus reads; `gauges` and `in_flight` (by upstream) are read at this moment."""
        lines = ["# TYPE parcae_requests_total counter"]
        for (endpoint, status), count in sorted(self.requests.items()):
            lines.append(f'parcae_requests_total{{endpoint="{endpoint}",status="{status}"}} {count}')
        lines.append("# TYPE parcae_tokens_total counter")
        for (model, kind), count in sorted(self.tokens.items()):
            lines.append(f'parcae_tokens_total{{model="{_label(model)}",kind="{kind}"}} {count}')
        lines.append("# TYPE parcae_cost_usd_total counter")
        lines += [f'parcae_cost_usd_total{{model="{_label(model)}"}} {usd:.9f}' for model, usd in self.cost_usd.items()]
        lines.append("# TYPE parcae_upstream_errors_total counter")
        lines += [
            f'parcae_upstream_errors_total{{upstream="{_label(name)}"}} {count}'
            for name, count in self.upstream_errors.items()
        ]
        for name in ("runs", "swaps", "stops", "would_act", "would_save_usd", "failovers", "looks", "disconnects"):
            lines += [f"# TYPE parcae_{name}_total counter", f"parcae_{name}_total {getattr(self, name)}"]
        lines += ["# TYPE parcae_in_flight gauge", f"parcae_in_flight {self.in_flight}"]
        lines.append("# TYPE parcae_upstream_in_flight gauge")
        lines += [f'parcae_upstream_in_flight{{upstream="{name}"}} {count}' for name, count in in_flight.items()]
        for name, value in gauges.items():
            lines += [f"# TYPE parcae_{name} gauge", f"parcae_{name} {value}"]
        return "\n".join([*lines, *self._histogram()]) + "\n"

    def _histogram(self) -> list[str]:
        lines, total = ["# TYPE parcae_request_seconds histogram"], 0
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self.seconds, strict=True):
            total += count
            lines.append(f'parcae_request_seconds_bucket{{le="{bound}"}} {total}')
        return [*lines, f"parcae_request_seconds_sum {self.seconds_sum:.6f}", f"parcae_request_seconds_count {total}"]


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
