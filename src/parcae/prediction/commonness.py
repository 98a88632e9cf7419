"""In how many other tasks a name was a candidate: what is reached everywhere is seldom to blame anywhere.

The inverse document frequency of retrieval (Sparck Jones 1972), with tasks for documents. It needs no verdict and no
attempt, only what is known of tasks before they begin.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from parcae.prediction.fields import is_count
from parcae.prediction.prefixes import Group


def commonness(groups: Sequence[Group], among: Container[str]) -> Counter[str]:
    """For each name, in how many of the tasks that are `among` these it is a candidate."""
    tasks = {group.task_id: group.facts.known.covering for group in groups if group.task_id in among}
    common: Counter[str] = Counter()
    for names in tasks.values():
        common.update(names.keys())
    return common


def beside(groups: Sequence[Group], among: Container[str]) -> list[Group]:
    """The groups, each with how common its candidates are in the other tasks that are `among` these."""
    common = commonness(groups, among)
    tasks = {group.task_id: group.facts for group in groups}
    facts = {task: own.beside(common, counted=task in among) for task, own in tasks.items()}
    return [replace(group, facts=facts[group.task_id]) for group in groups]


def arrays_of(common: Mapping[str, int]) -> dict[str, NDArray[np.generic]]:
    """`common` as arrays: its names as JSON in UTF-8, uint8, and their counts in that order, int32."""
    names = sorted(common)
    text = np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)
    return {"names": text, "counts": np.array([common[name] for name in names], dtype=np.int32)}


def common_from(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, int]:
    """What `arrays_of` made.

    Raises:
        KeyError: an array is missing.
        ValueError: the names are damaged, or are not as many as the counts.
    """
    names, counts = json.loads(arrays["names"].tobytes()), arrays["counts"].tolist()
    lists = isinstance(names, list) and isinstance(counts, list)
    if not lists or not all(isinstance(name, str) for name in names) or not all(map(is_count, counts)):
        raise ValueError("it counts something else than how common names are")
    return dict(zip(names, counts, strict=True))
