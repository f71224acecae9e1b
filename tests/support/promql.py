"""PromQL, as much of it as dashboards and alerts use: whether an expression is one, which metrics
it names, and what it gives for series that somebody made up.

Rates are the slope between the first and the last sample of a range; Prometheus extrapolates to the
ends of the range, which for regular series comes to the same.
"""

import itertools
import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
    | (?P<number>(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)(?![\w.]))
    | (?P<variable>\$\w+)
    | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^(){}\[\],=<>])
    )""",
    re.VERBOSE,
)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_LOOKBACK = 300.0
_AGGREGATIONS: Mapping[str, Callable[[Iterable[float]], float]] = {
    "sum": math.fsum,
    "min": min,
    "max": max,
}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right if right else math.nan,
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
# From the loosest.
_OPERATORS = (("or",), ("and", "unless"), tuple(_COMPARISONS), ("+", "-"), ("*", "/"))

Labels = frozenset[tuple[str, str]]
Samples = list[tuple[float, float]]
Series = Mapping[tuple[str, Labels], Samples]
Vector = dict[Labels, float]


class Selector(NamedTuple):
    """A metric as it is asked for, with the labels that are matched."""

    metric: str
    labels: frozenset[str]


class Node(NamedTuple):
    """A part of an expression: "scalar", "instant" or "range"; and what it gives at a time."""

    kind: str
    at: Callable[[Series, float], Any]


class Expression(NamedTuple):
    """An expression: its selectors, and what it gives at a time, a vector by its labels."""

    selectors: tuple[Selector, ...]
    at: Callable[[Series, float], Any]


def read(expression: str) -> Expression:
    """Read an expression. Raises ValueError for what is none."""
    reader = _Reader(expression)
    node = reader.binary(0)
    reader.expect_end()
    return Expression(tuple(reader.selectors), node.at)


def seconds_of(duration: str) -> float:
    """The seconds of a duration such as 1h30m."""
    parts = re.findall(r"(\d+)(ms|[smhdwy])", duration)
    return math.fsum(int(count) * _UNITS[unit] for count, unit in parts)


# --- What functions give --------------------------------------------------------------------------


def _rate(samples: Samples) -> float | None:
    if len(samples) < 2:
        return None
    grown = math.fsum(
        after - before if after >= before else after
        for (_, before), (_, after) in itertools.pairwise(samples)
    )
    return grown / (samples[-1][0] - samples[0][0])


def _changes(samples: Samples) -> float:
    values = [value for _, value in samples]
    return float(sum(one != other for one, other in itertools.pairwise(values)))


_RANGES: Mapping[str, Callable[[Samples, float], float | None]] = {
    "rate": lambda samples, _range: _rate(samples),
    "increase": lambda samples, seconds: (
        None if (found := _rate(samples)) is None else found * seconds
    ),
    "changes": lambda samples, _range: _changes(samples),
    "min_over_time": lambda samples, _range: min(value for _, value in samples),
}


def _quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    """The quantile of cumulative buckets, linear within one."""
    buckets.sort()
    total = buckets[-1][1]
    if not total:
        return math.nan
    wanted, below, low = share * total, 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (wanted - below) / (count - below)
        below, low = count, bound
    return low


def _without_name(labels: Labels, names: set[str] | None) -> Labels:
    return labels if names is None else frozenset(one for one in labels if one[0] in names)


class _Reader:
    def __init__(self, expression: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at, text = 0, expression.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise ValueError(f"no PromQL at {text[at : at + 20]!r}")
            kind = found.lastgroup or ""
            self._tokens.append((kind, found[kind]))
            at = found.end()
        self._at = 0
        self.selectors: list[Selector] = []

    def _look(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, *values: str) -> str:
        kind, value = self._look()
        if values and value not in values:
            raise ValueError(f"{' or '.join(values)} is expected in the place of {value or kind!r}")
        self._at += 1
        return value

    def _take_kind(self, *kinds: str) -> str:
        kind, value = self._look()
        if kind not in kinds:
            raise ValueError(
                f"a {' or '.join(kinds)} is expected in the place of {value or kind!r}"
            )
        self._at += 1
        return value

    def expect_end(self) -> None:
        if self._look()[0] != "end":
            raise ValueError(f"nothing is expected in the place of {self._look()[1]!r}")

    def binary(self, level: int) -> Node:
        """Read operands that are joined by operators of this level and of tighter ones."""
        if level == len(_OPERATORS):
            return self._operand()
        left = self.binary(level + 1)
        while self._look()[1] in _OPERATORS[level]:
            sign, names = self._take(), None
            if self._look()[1] == "on":
                self._take()
                names = self._labels()
            right = self.binary(level + 1)
            if "range" in {left.kind, right.kind}:
                raise ValueError(f"a range can not be joined by {sign}")
            left = _join(sign, names, left, right)
        return left

    def _operand(self) -> Node:
        kind, value = self._look()
        if value == "(":
            self._take()
            found = self.binary(0)
            self._take(")")
            return found
        if kind == "number":
            number = float(self._take())
            return Node("scalar", lambda _series, _now: number)
        name = self._take_kind("name")
        if name in _AGGREGATIONS:
            return self._aggregation(_AGGREGATIONS[name])
        if self._look()[1] == "(":
            return self._call(name)
        return self._selector(name)

    def _aggregation(self, together: Callable[[Iterable[float]], float]) -> Node:
        names: set[str] = set()
        if self._look()[1] == "by":
            self._take()
            names = self._labels()
        self._take("(")
        inner = self.binary(0)
        if inner.kind != "instant":
            raise ValueError("an instant vector is expected in an aggregation")
        self._take(")")

        def at(series: Series, now: float) -> Vector:
            groups = defaultdict[Labels, list[float]](list)
            for labels, value in inner.at(series, now).items():
                groups[_without_name(labels, names)].append(value)
            return {labels: together(values) for labels, values in groups.items()}

        return Node("instant", at)

    def _call(self, name: str) -> Node:
        self._take("(")
        if name == "time":
            self._take(")")
            return Node("scalar", lambda _series, now: now)
        if name == "histogram_quantile":
            share = self.binary(0)
            self._take(",")
            inner = self.binary(0)
            self._take(")")
            if (share.kind, inner.kind) != ("scalar", "instant"):
                raise ValueError(f"{name} takes a scalar and an instant vector")
            return Node("instant", lambda series, now: _quantiles(share, inner, series, now))
        if name not in _RANGES:
            raise ValueError(f"the function {name} is not known")
        given = self.binary(0)
        self._take(")")
        if given.kind != "range":
            raise ValueError(f"{name} takes a range, not a {given.kind}")
        function = _RANGES[name]

        def at(series: Series, now: float) -> Vector:
            seconds, found = given.at(series, now)
            results = {labels: function(samples, seconds) for labels, samples in found.items()}
            return {labels: value for labels, value in results.items() if value is not None}

        return Node("instant", at)

    def _labels(self) -> set[str]:
        self._take("(")
        found: set[str] = set()
        while self._look()[1] != ")":
            found.add(self._take_kind("name"))
            if self._look()[1] != ")":
                self._take(",")
        self._take(")")
        return found

    def _selector(self, metric: str) -> Node:
        matchers: list[tuple[str, Callable[[str], bool]]] = []
        if self._look()[1] == "{":
            self._take()
            while self._look()[1] != "}":
                name, sign = self._take_kind("name"), self._take("=", "!=", "=~", "!~")
                matchers.append((name, _matcher(sign, self._take_kind("text")[1:-1])))
                if self._look()[1] != "}":
                    self._take(",")
            self._take("}")
        self.selectors.append(Selector(metric, frozenset(name for name, _ in matchers)))
        seconds, offset = 0.0, 0.0
        is_range = self._look()[1] == "["
        if is_range:
            self._take()
            # A variable stands for a range that Grafana chooses.
            seconds = seconds_of(self._take_kind("duration", "variable"))
            self._take("]")
        if self._look()[1] == "offset":
            self._take()
            offset = seconds_of(self._take_kind("duration"))

        def found(series: Series, now: float, back: float) -> dict[Labels, Samples]:
            now -= offset
            chosen: dict[Labels, Samples] = {}
            for (name, labels), samples in series.items():
                values = dict(labels)
                if name == metric and all(fits(values.get(one, "")) for one, fits in matchers):
                    within = [one for one in samples if now - back < one[0] <= now]
                    if within:
                        chosen[labels] = within
            return chosen

        if is_range:
            return Node("range", lambda series, now: (seconds, found(series, now, seconds)))

        def at(series: Series, now: float) -> Vector:
            return {key: one[-1][1] for key, one in found(series, now, _LOOKBACK).items()}

        return Node("instant", at)


def _matcher(sign: str, text: str) -> Callable[[str], bool]:
    if sign in {"=", "!="}:
        return lambda value: (value == text) is (sign == "=")
    # A variable stands for what somebody chooses on a dashboard.
    pattern = re.compile(re.sub(r"^\$\w+$", ".*", text))
    return lambda value: (pattern.fullmatch(value) is not None) is (sign == "=~")


def _quantiles(share: Node, inner: Node, series: Series, now: float) -> Vector:
    buckets = defaultdict[Labels, list[tuple[float, float]]](list)
    for labels, value in inner.at(series, now).items():
        bound = float(dict(labels)["le"].replace("+Inf", "inf"))
        buckets[frozenset(one for one in labels if one[0] != "le")].append((bound, value))
    wanted = share.at(series, now)
    return {labels: _quantile(wanted, found) for labels, found in buckets.items()}


def _join(sign: str, names: set[str] | None, left: Node, right: Node) -> Node:
    kinds = {left.kind, right.kind}
    if sign in {"and", "or", "unless"}:
        if "scalar" in kinds:
            raise ValueError(f"{sign} joins vectors alone")
        return Node(
            "instant",
            lambda series, now: _combine(sign, left.at(series, now), right.at(series, now)),
        )

    def value(one: float, other: float) -> float | None:
        if sign in _COMPARISONS:
            return one if _COMPARISONS[sign](one, other) else None
        return _ARITHMETIC[sign](one, other)

    def at(series: Series, now: float) -> Any:
        one, other = left.at(series, now), right.at(series, now)
        if kinds == {"scalar"}:
            return value(one, other)
        if left.kind == "scalar":
            found = {labels: value(one, right_value) for labels, right_value in other.items()}
        elif right.kind == "scalar":
            found = {labels: value(left_value, other) for labels, left_value in one.items()}
        else:
            by_labels = {_without_name(labels, names): one for labels, one in other.items()}
            found = {
                labels: value(left_value, by_labels[key])
                for labels, left_value in one.items()
                if (key := _without_name(labels, names)) in by_labels
            }
        return {labels: one for labels, one in found.items() if one is not None}

    return Node("scalar" if kinds == {"scalar"} else "instant", at)


def _combine(sign: str, left: Vector, right: Vector) -> Vector:
    if sign == "or":
        return {**right, **left}
    return {labels: one for labels, one in left.items() if (labels in right) is (sign == "and")}


# --- Series that somebody made up -----------------------------------------------------------------


def read_series(
    text: str, values: str, interval: float = 60.0
) -> tuple[tuple[str, Labels], Samples]:
    """A series as promtool's tests write it: `name{label="value"}`, and values as `0+5x10 7`."""
    name, _, rest = text.partition("{")
    labels = frozenset(re.findall(r'(\w+)="([^"]*)"', rest))
    samples: Samples = []
    count = 0
    for word in values.split():
        found = re.fullmatch(r"(-?[\d.]+)(?:([+-][\d.]+))?x(\d+)", word)
        if found is not None:
            start, step = float(found[1]), float(found[2] or 0)
            made: list[float | None] = [start + step * n for n in range(int(found[3]) + 1)]
        else:
            made = [None if word == "_" else float(word)]
        for one in made:
            if one is not None:
                samples.append((count * interval, one))
            count += 1
    return (name, labels), samples
