"""A whole record of any wire type, every field of it set: made from the type itself."""

import base64
from typing import Any

import msgspec
from msgspec import inspect

_PLAIN: dict[type[inspect.Type], Any] = {inspect.BoolType: True, inspect.StrType: "x"}


def whole(record: type[msgspec.Struct]) -> dict[str, Any]:
    """Its JSON object with every field, nested ones too: no default is left out, so nothing can vanish unseen."""
    made = _value(inspect.type_info(record))
    assert isinstance(made, dict)
    return made


def _field(field: inspect.Field) -> Any:
    """A value other than the field's default, which a writer would leave out."""
    made = _value(field.type)
    if made == field.default:
        made = next(each for each in _others(field.type) if each != field.default)
    return made


def _others(kind: inspect.Type) -> list[Any]:
    match kind:
        case inspect.EnumType(cls=values):
            return [each.value for each in values]
        case inspect.BoolType():
            return [False]
    return []


def _value(kind: inspect.Type) -> Any:
    """One value of the type, as JSON has it."""
    match kind:
        case inspect.StructType(fields=fields, tag_field=tag_field, tag=tag):
            made = {} if tag_field is None else {tag_field: tag}
            return made | {field.encode_name: _field(field) for field in fields}
        case inspect.Metadata(type=inner):
            return _value(inner)
        case inspect.UnionType(types=types):
            return _value(next(each for each in types if not isinstance(each, inspect.NoneType)))
        case inspect.DictType(key_type=keys, value_type=values):
            return {_value(keys): _value(values)}
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return [_value(item)]
    return _plain(kind)


def _plain(kind: inspect.Type) -> Any:
    match kind:
        case inspect.EnumType(cls=values):
            return list(values)[-1].value
        case inspect.IntType(ge=least):
            return 7 if least is None else max(7, least)
        case inspect.FloatType():
            return 0.5
        case inspect.BytesType():
            return base64.b64encode(b"bytes").decode()
    return _PLAIN[type(kind)]
