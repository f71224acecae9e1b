"""Hypothesis strategies of payloads: any that a structure allows, and JSON that is close to one."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from docs.structures import structure

_TEXT = st.characters(exclude_categories=["Cs"])


def payloads(payload: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    """Any payload of this structure, with and without what is optional."""
    kind = structure(payload)
    required = {one.name: _values(one.type) for one in kind.fields if one.required}
    optional = {one.name: _values(one.type) for one in kind.fields if not one.required}
    fields = st.fixed_dictionaries(required, optional=optional)
    return fields.map(lambda given: payload(**given))


def _values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StrType():
            return st.text(_TEXT, min_size=kind.min_length or 0, max_size=kind.max_length or 20)
        case inspect.IntType():
            low = -(2**63) if kind.ge is None else kind.ge
            return st.integers(low, 2**63 - 1 if kind.le is None else kind.le)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType():
            return st.sampled_from(sorted(kind.values, key=str))
        case inspect.EnumType():
            return st.sampled_from([*kind.cls])
        case inspect.ListType():
            return st.lists(_values(kind.item_type), max_size=3)
        case inspect.DictType():
            return st.dictionaries(st.text(_TEXT), _values(kind.value_type), max_size=3)
        case inspect.StructType():
            return payloads(kind.cls)
        case inspect.UnionType():
            return st.one_of([_values(inner) for inner in kind.types])
    raise TypeError(f"no values of {kind}")
