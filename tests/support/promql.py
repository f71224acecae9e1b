"""A reader of PromQL: whether an expression is one, and which metrics it names by which labels."""

import re
from typing import NamedTuple

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
_AGGREGATIONS = {"sum", "min", "max", "avg", "count", "topk", "bottomk", "quantile", "stddev"}
# By name, how many arguments, and of the first, if it is a vector: "range" or "instant".
_FUNCTIONS = {
    "rate": (1, "range"),
    "increase": (1, "range"),
    "changes": (1, "range"),
    "min_over_time": (1, "range"),
    "max_over_time": (1, "range"),
    "histogram_quantile": (2, "scalar"),
    "absent": (1, "instant"),
    "time": (0, ""),
    "clamp_min": (2, "instant"),
}
_COMPARISONS = {"==", "!=", "<", ">", "<=", ">="}
# From the loosest.
_OPERATORS = (("or",), ("and", "unless"), tuple(_COMPARISONS), ("+", "-"), ("*", "/", "%"), ("^",))


class Selector(NamedTuple):
    """A metric as it is asked for, with the labels that are matched."""

    metric: str
    labels: frozenset[str]


class Expression(NamedTuple):
    """The selectors of an expression, and the labels by which it groups or joins."""

    selectors: tuple[Selector, ...]
    groups: frozenset[str]


def read(expression: str) -> Expression:
    """Read an expression. Raises ValueError for what is none."""
    reader = _Reader(expression)
    reader.binary(0)
    reader.expect_end()
    return Expression(tuple(reader.selectors), frozenset(reader.groups))


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
        self.groups: set[str] = set()

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

    def binary(self, level: int) -> str:
        """Read operands joined by operators of this level and tighter; "scalar", "instant" or
        "range".
        """
        if level == len(_OPERATORS):
            return self._operand()
        left = self.binary(level + 1)
        while self._look()[1] in _OPERATORS[level]:
            operator = self._take()
            if self._look()[1] == "bool":
                self._take()
            if self._look()[1] in {"on", "ignoring"}:
                self._take()
                self.groups |= self._labels()
                if self._look()[1] in {"group_left", "group_right"}:
                    self._take()
                    self._labels()
            right = self.binary(level + 1)
            if "range" in {left, right}:
                raise ValueError(f"a range can not be joined by {operator}")
            if operator in {"and", "or", "unless"} and "scalar" in {left, right}:
                raise ValueError(f"{operator} joins vectors alone")
            left = "instant" if "instant" in {left, right} else "scalar"
        return left

    def _operand(self) -> str:
        kind, value = self._look()
        if value == "-":
            self._take()
            return self._operand()
        if value == "(":
            self._take()
            found = self.binary(0)
            self._take(")")
            return found
        if kind == "number":
            self._take()
            return "scalar"
        name = self._take_kind("name")
        if name in _AGGREGATIONS:
            return self._aggregation()
        if self._look()[1] == "(":
            return self._call(name)
        return self._selector(name)

    def _aggregation(self) -> str:
        grouped = self._look()[1] in {"by", "without"}
        if grouped:
            self._take()
            self.groups |= self._labels()
        self._take("(")
        if self.binary(0) != "instant":
            raise ValueError("an instant vector is what is aggregated")
        self._take(")")
        if not grouped and self._look()[1] in {"by", "without"}:
            self._take()
            self.groups |= self._labels()
        return "instant"

    def _call(self, name: str) -> str:
        if name not in _FUNCTIONS:
            raise ValueError(f"the function {name} is not known")
        count, kind = _FUNCTIONS[name]
        self._take("(")
        for number in range(count):
            if number:
                self._take(",")
            found = self.binary(0)
            wanted = kind if not number else "instant" if name == "histogram_quantile" else "scalar"
            if found != wanted:
                raise ValueError(f"{name} takes a {wanted}, not a {found}")
        self._take(")")
        return "instant" if count else "scalar"

    def _labels(self) -> set[str]:
        self._take("(")
        found: set[str] = set()
        while self._look()[1] != ")":
            found.add(self._take_kind("name"))
            if self._look()[1] != ")":
                self._take(",")
        self._take(")")
        return found

    def _selector(self, metric: str) -> str:
        labels: set[str] = set()
        if self._look()[1] == "{":
            self._take()
            while self._look()[1] != "}":
                labels.add(self._take_kind("name"))
                operator = self._take("=", "!=", "=~", "!~")
                value = self._take_kind("text")[1:-1]
                if operator in {"=~", "!~"}:
                    re.compile(value.replace("$", ""))
                if self._look()[1] != "}":
                    self._take(",")
            self._take("}")
        self.selectors.append(Selector(metric, frozenset(labels)))
        kind = "instant"
        if self._look()[1] == "[":
            self._take()
            self._take_kind("duration", "variable")
            self._take("]")
            kind = "range"
        if self._look()[1] == "offset":
            self._take()
            self._take_kind("duration")
        return kind
