"""All rivals of a frontier over all tasks, a part of the tasks at a time, on as many processes as pay.

Within a part every rival meets one order of drawing after the other, so that votes and beliefs which several of them
ask about are counted once. Knows nothing of how ours is chosen.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context

import numpy as np

from parcae.core.errors import CallerMistake
from parcae.core.task import Task
from parcae.hotswap.curves import Contender, WatchOf, came_of, contenders
from parcae.hotswap.ladders import Opening, facts_of, states_of
from parcae.hotswap.readings import Curve
from parcae.hotswap.recorded import Deck
from parcae.hotswap.replay import StepWatch
from parcae.hotswap.selection import belief_of
from parcae.prediction.belief import Belief, BeliefForecaster, Floats

PARTS = 30  # how often progress is told
WALKS_A_PROCESS = 20_000  # some 4 s of work: below, starting another process takes longer than it saves
Say = Callable[[str], None]
Came = tuple[Floats, Floats]  # (success, US dollars) of each task under one rival


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some of the tasks, and all that their walks need. `beliefs`: by source and fold, fitted without the fold."""

    target: str
    most: int
    draws: int
    seed: int
    decks: tuple[Deck, ...]
    folds: tuple[int, ...]
    beliefs: Mapping[str, Mapping[int, Belief]]

    def rivals(self) -> list[Contender]:
        """Every rival, the same in each part."""
        learned = {source: self._learned(own) for source, own in self.beliefs.items()}
        return list(contenders(self.target, tuple(self.beliefs), self.most, learned))

    def some(self, start: int, step: int) -> Part:
        """Every `step`th of the tasks, from number `start` on."""
        return replace(self, decks=self.decks[start::step], folds=self.folds[start::step])

    def _learned(self, beliefs: Mapping[int, Belief]) -> WatchOf:
        """Forecasts the source's votes of each task by what the other folds taught."""
        fold_of_task = {deck.task.id: fold for deck, fold in zip(self.decks, self.folds, strict=True)}

        def watch(deck: Deck) -> StepWatch:
            belief = beliefs[fold_of_task[deck.task.id]]
            forecaster = BeliefForecaster(belief=belief, facts=lambda task: facts_of(deck))
            return StepWatch(forecaster.watch(Task(id=deck.task.id, kind="recorded", question=""), self.most))

        return watch


def beliefs_of(
    decks: Sequence[Deck], sources: Sequence[str], folds: Sequence[int], *, seed: int
) -> dict[str, dict[int, Belief]]:
    """For each source and fold what the source's answers on the other folds teach about its names."""
    beliefs: dict[str, dict[int, Belief]] = {}
    for source in sources:
        states = [states_of(deck, Opening(), source, 2, seed=seed) for deck in decks]
        beliefs[source] = {
            fold: belief_of((source,), [one for one, at in zip(states, folds, strict=True) if at != fold])
            for fold in sorted(set(folds))
        }
    return beliefs


def walked(whole: Part, *, processes: int = 1, say: Say = lambda line: None) -> dict[str, Curve]:
    """The curves of all rivals over the tasks of `whole`; the same for any number of processes.

    More than one process needs a main module that may be imported again (`if __name__ == "__main__"`).

    Raises:
        CallerMistake: a process was ended from outside.
    """
    rivals = whole.rivals()
    parts = [whole.some(start, PARTS) for start in range(min(PARTS, len(whole.decks)))]
    walks = len(rivals) * len(whole.decks) * whole.draws
    success, cost = np.zeros((2, len(rivals), len(whole.decks)))
    with _mapped(min(processes, len(parts), 1 + walks // WALKS_A_PROCESS)) as each:
        for start, part in enumerate(each(parts)):
            success[:, start :: len(parts)], cost[:, start :: len(parts)] = part
            say(f"{len(rivals)} rival policies walked over {start + 1} of {len(parts)} parts of the tasks")
    curves: dict[str, Curve] = {}
    for rival, right, usd in zip(rivals, success, cost, strict=True):
        curves.setdefault(rival.curve, Curve()).add(rival.name, right, usd, plan=rival.plan)
    return curves


def walked_part(part: Part) -> Came:
    """(success, US dollars), (rivals, tasks) each: means over the draws."""
    rivals = part.rivals()
    success, cost = np.zeros((2, len(rivals), len(part.decks)))
    for i, deck in enumerate(part.decks):
        for draw in range(part.draws):
            drawn = deck.shuffled(part.seed + draw)
            came = np.array([came_of(rival, drawn) for rival in rivals]).T / part.draws
            success[:, i] += came[0]
            cost[:, i] += came[1]
    return success, cost


@contextmanager
def _mapped(processes: int) -> Iterator[Callable[[Sequence[Part]], Iterator[Came]]]:
    """What walks parts in their order; whatever happens, no process is left behind."""
    if processes < 2:
        yield lambda parts: map(walked_part, parts)
        return
    others = set(active_children())
    pool = ProcessPoolExecutor(
        processes,
        mp_context=get_context("spawn"),
        initializer=signal.signal,  # Ctrl-C reaches all; this process answers it, and ends the others
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield lambda parts: pool.map(walked_part, parts)
    except BrokenProcessPool:
        raise CallerMistake(
            "a process that walked policies was ended from outside",
            "run it again, with --processes 1 if memory is short",
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(active_children()) - others:
            child.terminate()
