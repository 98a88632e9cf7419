"""Uses that reckon: with numbers, dates, program text and command lines."""

from __future__ import annotations

import _pydecimal
import argparse
import ast
import calendar
import cmd
import datetime
import fractions
import getopt
import io
import logging
import optparse
import random
import sched
import statistics
import tokenize

from parcae.benchmarks.subjects.subject import Subject, number, sentence, word, words


def summarize_numbers(case: list[float]) -> object:
    spread = (statistics.pvariance(case), statistics.stdev(case), statistics.quantiles(case, n=5))
    middle = (
        statistics.median_low(case),
        statistics.median_grouped(case),
        statistics.multimode([int(one) for one in case]),
    )
    line = statistics.linear_regression(case, case[::-1])
    normal = statistics.NormalDist.from_samples(case)
    return (
        spread,
        middle,
        tuple(line),
        round(normal.cdf(case[0]), 9),
        statistics.fmean(case),
        statistics.harmonic_mean([abs(one) + 1 for one in case]),
    )


def reckon_exactly(case: tuple[str, str, int]) -> object:
    context = _pydecimal.Context(prec=case[2])
    left, right = _pydecimal.Decimal(case[0]), _pydecimal.Decimal(case[1])
    results = [
        context.add(left, right),
        context.multiply(left, right),
        context.divide(left, right),
        context.sqrt(abs(left)),
    ]
    shown = [
        f"{left:,.3f}",
        f"{right:e}",
        str(left.quantize(_pydecimal.Decimal("0.01"))),
        left.normalize(context).to_eng_string(),
    ]
    return (
        [str(one) for one in results],
        shown,
        str(left.compare(right)),
        str(context.remainder(left, right)),
        str(context.exp(right % 3)),
    )


def reckon_in_fractions(case: tuple[int, int, str]) -> object:
    one, two = fractions.Fraction(case[0], case[1]), fractions.Fraction(case[2])
    values = [
        one + two,
        one - two,
        one * two,
        one / two,
        one // two,
        one % two,
        two.limit_denominator(7),
        round(one, 1),
        one**3,
    ]
    return [str(value) for value in values], one < two, float(one), hash(two) == hash(fractions.Fraction(case[2]))


def print_calendar(case: tuple[int, int, int]) -> object:
    year, month, first = case
    text = calendar.TextCalendar(first)
    weeks = calendar.Calendar(first).monthdayscalendar(year, month)
    return (
        text.formatmonth(year, month, 3),
        weeks,
        calendar.HTMLCalendar(first).formatmonth(year, month),
        calendar.leapdays(year - 30, year),
    )


def reckon_with_dates(case: tuple[str, int, int]) -> object:
    moment = datetime.datetime.fromisoformat(case[0])
    later = moment + datetime.timedelta(days=case[1], seconds=case[2])
    zone = datetime.timezone(datetime.timedelta(hours=case[1] % 12, minutes=30))
    read = datetime.datetime.strptime(later.strftime("%d/%m/%y %H:%M:%S"), "%d/%m/%y %H:%M:%S")
    facts = (
        later.isocalendar(),
        later.timetuple().tm_yday,
        (later - moment) // datetime.timedelta(minutes=7),
        later.weekday(),
    )
    return (
        later.isoformat(timespec="minutes"),
        str(moment.replace(tzinfo=zone)),
        str(read),
        tuple(map(str, facts)),
        str(later - moment),
        moment < later,
    )


def read_arguments(case: tuple[list[str], int]) -> object:
    arguments, width = case
    parser = argparse.ArgumentParser(
        prog="amber",
        description="Sort what was found on the shore.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=width),
    )
    parser.add_argument("--size", "-s", type=int, default=3, choices=range(9), help="how large (default: %(default)s)")
    parser.add_argument("--verbose", "-v", action="count", default=0)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--dry", action="store_true", help="change nothing")
    group.add_argument("--out", metavar="FILE", nargs="?", const="shore.txt")
    parser.add_argument("items", nargs="*", help="what to sort")
    return vars(parser.parse_args(arguments)), parser.format_help(), parser.format_usage()


def read_options(case: tuple[list[str], int]) -> object:
    parser = optparse.OptionParser(
        prog="amber", usage="%prog [options] items", formatter=optparse.IndentedHelpFormatter(width=case[1])
    )
    parser.add_option("-n", "--number", type="int", dest="count", default=2, help="how many [default: %default]")
    parser.add_option("-t", "--tag", action="append", help="a tag that may be given several times, each kept in order")
    parser.add_option("-q", action="store_false", dest="loud", default=True)
    values, rest = parser.parse_args(list(case[0]))
    short, others = getopt.gnu_getopt([one for one in case[0] if not one.startswith("--n")], "n:t:q", ["tag="])
    return sorted(vars(values).items()), rest, parser.format_help(), short, others


def read_program(case: str) -> object:
    tree = ast.parse(case)
    tokens = [
        (tokenize.tok_name[one.type], one.string, one.start)
        for one in tokenize.generate_tokens(io.StringIO(case).readline)
    ]
    names = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})
    return (
        ast.unparse(tree),
        tokens,
        names,
        tokenize.untokenize(one[:2] for one in tokenize.generate_tokens(io.StringIO(case).readline)),
    )


def read_literals(case: str) -> object:
    value = ast.literal_eval(case)
    return value, ast.unparse(ast.parse(case, mode="eval")), ast.dump(ast.parse(case, mode="eval"), indent=1)[:400]


def log_events(case: list[tuple[str, int, str]]) -> object:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("{levelname:<8}|{name}|{message}", style="{"))
    root = logging.Logger("shore", logging.INFO)
    manager = logging.Manager(logging.RootLogger(logging.WARNING))
    manager.root.addHandler(handler)
    root.addHandler(handler)
    for name, level, text in case:
        logger = manager.getLogger(name)
        logger.log(level, "%s has %d letters", text, len(text))
        root.log(level, text)
    return stream.getvalue(), [logging.getLevelName(level) for _, level, _ in case], sorted(manager.loggerDict)


def take_orders(case: list[str]) -> object:
    class Desk(cmd.Cmd):
        """A desk."""

        prompt = "> "

        def do_sort(self, rest: str) -> None:
            """Sort the words."""
            self.stdout.write(" ".join(sorted(rest.split())) + "\n")

        def do_quit(self, rest: str) -> bool:
            """Leave."""
            return True

    out = io.StringIO()
    desk = Desk(stdin=io.StringIO("\n".join([*case, "quit"]) + "\n"), stdout=out)
    desk.use_rawinput = False
    desk.cmdloop("hello")
    desk.columnize([one.partition(" ")[0] for one in case] * 5, displaywidth=40)
    return out.getvalue(), desk.completenames("s"), desk.parseline(case[0])


def run_on_time(case: list[tuple[int, int, str]]) -> object:
    now = [0.0]
    done: list[str] = []

    def wait(seconds: float) -> None:
        now[0] += seconds

    scheduler = sched.scheduler(lambda: now[0], wait)
    events = [scheduler.enter(delay, priority, done.append, (name,)) for delay, priority, name in case]
    scheduler.cancel(events[0])
    left = [event.argument[0] for event in scheduler.queue]
    scheduler.run()
    return left, done, now[0], scheduler.empty()


def _arguments(rng: random.Random) -> tuple[list[str], int]:
    given = rng.sample(
        [
            f"--size={rng.randint(0, 8)}",
            "-vv",
            "-v",
            rng.choice(("--dry", "--out=x", f"--ou={word(rng)}")),
            f"-s{rng.randint(0, 8)}",
        ],
        3,
    )
    return [*given, *words(rng, 0, 2)], rng.randint(30, 60)


def _options(rng: random.Random) -> tuple[list[str], int]:
    given = rng.sample(
        [f"-n{rng.randint(0, 99)}", f"-t{word(rng)}", "-q", f"--tag={word(rng)}", f"--numb={rng.randint(1, 9)}"], 3
    )
    return [*given, word(rng), word(rng)], rng.randint(34, 70)


def _program(rng: random.Random) -> str:
    name, other = word(rng), word(rng)
    lines = [f"def {name}({other}, *rest, key={number(rng)}, **more):", f"    '''{sentence(rng)}'''"]
    lines += [
        f"    if not {other} or ({other} + 1) * 2 ** -key < {rng.randint(1, 9)}:",
        f"        return [x for x in rest if x % {rng.randint(2, 5)} == 1]",
    ]
    lines += rng.choice(
        (
            [f"    with open({other}) as file, lock:", "        yield from file"],
            [f"    {name}: int = lambda a, /, b=1: a if a else b[1:{rng.randint(2, 9)}, ...]"],
            [
                "    try:",
                f"        {other}.{name} @= await_",
                "    except (OSError, ValueError) as error:",
                f"        raise {name.title()}(f'{{error!r:>{rng.randint(2, 9)}}}') from error",
            ],
        )
    )
    return "\n".join(
        [
            *lines,
            "",
            f"@{other}.register",
            f"class {name.title()}({other.title()}, metaclass=type): {name} = {{**a, 'k': -1}}",
            "",
        ]
    )


def _literal(rng: random.Random) -> str:
    return repr(
        {
            word(rng): [number(rng), (word(rng),), {rng.randint(1, 9)}],
            -rng.randint(1, 9): complex(1, rng.randint(1, 5)),
            None: b"x",
        }
    )


def _moment(rng: random.Random) -> tuple[str, int, int]:
    return (
        f"20{rng.randint(10, 40)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}",
        rng.randint(1, 900),
        rng.randint(0, 90_000),
    )


SUBJECTS = (
    Subject(
        outcome=summarize_numbers, case=lambda rng: [round(rng.uniform(-5, 40), 1) for _ in range(rng.randint(5, 12))]
    ),
    Subject(
        outcome=reckon_exactly,
        case=lambda rng: (
            f"{rng.uniform(-900, 9e4):.{rng.randint(0, 6)}f}",
            f"{rng.uniform(0.01, 99):.{rng.randint(1, 5)}f}",
            rng.randint(4, 12),
        ),
    ),
    Subject(
        outcome=reckon_in_fractions,
        case=lambda rng: (
            rng.randint(-60, 60),
            rng.randint(1, 30),
            rng.choice(
                (f"{rng.randint(1, 99)}/{rng.randint(1, 40)}", f"-{rng.uniform(1, 9):.2f}", f"{rng.randint(1, 9)}.5e-1")
            ),
        ),
    ),
    Subject(outcome=print_calendar, case=lambda rng: (rng.randint(1950, 2090), rng.randint(1, 12), rng.randint(0, 6))),
    Subject(outcome=reckon_with_dates, case=_moment),
    Subject(outcome=read_arguments, case=_arguments),
    Subject(outcome=read_options, case=_options),
    Subject(outcome=read_program, case=_program),
    Subject(outcome=read_literals, case=_literal),
    Subject(
        outcome=log_events,
        case=lambda rng: [
            (".".join(words(rng, 1, 3)), rng.choice((10, 20, 30, 40, 35)), word(rng)) for _ in range(rng.randint(2, 4))
        ],
    ),
    Subject(
        outcome=take_orders,
        case=lambda rng: [
            rng.choice(
                (f"sort {' '.join(words(rng, 2, 5))}", "help", "help sort", f"?{word(rng)}", f"!{word(rng)}", "")
            )
            or "sort b a"
            for _ in range(rng.randint(2, 5))
        ],
    ),
    Subject(
        outcome=run_on_time,
        case=lambda rng: [
            (rng.randint(1, 9), rng.randint(1, 3), f"{word(rng)}{place}") for place in range(rng.randint(3, 6))
        ],
    ),
)
