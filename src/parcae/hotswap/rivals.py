"""All rivals of a frontier over all tasks, a part of the tasks at a time, on as many processes as pay.

Within a part every rival meets one order of drawing after the other, so that votes and beliefs which several of them
ask about are counted once. Knows nothing of how ours is chosen.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.resource_tracker import ensure_running

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
        CallerMistake: a process ended early.
    """
    rivals = whole.rivals()
    parts = [whole.some(start, PARTS) for start in range(min(PARTS, len(whole.decks)))]
    walks = len(rivals) * len(whole.decks) * whole.draws
    success, cost = np.zeros((2, len(rivals), len(whole.decks)))
    several = min(processes, len(parts), 1 + walks // WALKS_A_PROCESS)
    with closing(_beside(parts, several) if several > 1 else _here(parts)) as each:
        for done, (start, part) in enumerate(each, start=1):
            success[:, start :: len(parts)], cost[:, start :: len(parts)] = part
            say(f"{len(rivals)} rival policies walked over {done} of {len(parts)} parts of the tasks")
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


def _here(parts: Sequence[Part]) -> Generator[tuple[int, Came], None, None]:
    """Each part with its number, one after the other."""
    for number, part in enumerate(parts):
        yield number, walked_part(part)


def _beside(parts: Sequence[Part], processes: int) -> Generator[tuple[int, Came], None, None]:
    """The same from other processes, as parts are done; whatever happens, none is left behind."""
    context, started, numbers = get_context("spawn"), [], dict[Connection, list[int]]()
    try:
        for first in range(processes):
            ours, theirs = context.Pipe(duplex=False)
            own = list(range(first, len(parts), processes))
            process = context.Process(target=_walk_for, args=([parts[at] for at in own], theirs), daemon=True)
            with _deaf():
                process.start()
            theirs.close()
            started.append(process)
            numbers[ours] = own
        while open_ones := [pipe for pipe, left in numbers.items() if left]:
            for pipe in wait(open_ones):
                assert isinstance(pipe, Connection)
                yield numbers[pipe].pop(0), _received(pipe)
    finally:
        for process in started:
            process.terminate()
            process.join()
        for pipe in numbers:
            pipe.close()


def _walk_for(parts: Sequence[Part], theirs: Connection) -> None:
    """What another process does."""
    for part in parts:
        theirs.send(walked_part(part))


@contextmanager
def _deaf() -> Iterator[None]:
    """What is started within never hears Ctrl-C, which reaches all: who started it answers, and ends it."""
    ensure_running()  # multiprocessing's tracker, which opens the ears again when it is started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _received(pipe: Connection) -> Came:
    try:
        success, cost = pipe.recv()
    except (EOFError, ConnectionError):
        what = "a process that walked policies ended early"
        raise CallerMistake(what, "run it again with --processes 1; if memory is short, with fewer --draws") from None
    return success, cost
