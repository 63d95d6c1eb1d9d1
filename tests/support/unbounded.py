"""Finds in source what can grow or go on without end: pure, given the syntax tree of a module.

What it sees: queues and deques without a size, caches without one, pools without a number of workers, loops that try again
at once for ever, and attributes of a class to which things are added and from which nothing is ever taken. What it cannot
see is whether a bound is the right one; docs/limits.md says which they are.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

_QUEUES = frozenset({"Queue", "LifoQueue", "PriorityQueue", "JoinableQueue"})
_POOLS = frozenset({"ThreadPoolExecutor", "ProcessPoolExecutor"})
_PAUSES = frozenset({"pause", "sleep", "wait", "wait_for", "timeout"})
_ADDING = frozenset({"append", "appendleft", "add", "setdefault", "update", "extend", "insert"})
_TAKING = frozenset({"pop", "popleft", "popitem", "clear", "discard", "remove", "difference_update"})
_GROWING = frozenset({"dict", "set", "list", "deque", "defaultdict", "OrderedDict", "Counter"})


class Finding(NamedTuple):
    """One place."""

    place: str
    """`module.py::Class.attribute`, or `module.py::function`."""
    what: str


def unbounded(path: str, tree: ast.Module) -> list[Finding]:
    """Everything in one module that has no bound that can be seen."""
    found: list[Finding] = []
    for scope, node in _scoped(tree, ""):
        place = f"{path}::{scope or 'module'}"
        match node:
            case ast.Call():
                what = _call(node)
                if what is not None:
                    found.append(Finding(place, what))
            case ast.While(test=ast.Constant(value=True)) if _tries_at_once(node):
                found.append(Finding(place, "tries again for ever without a pause"))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found += [
                    Finding(f"{path}::{node.name}", "a cache without a size")
                    for decorator in node.decorator_list
                    if _name(decorator) == "cache"
                ]
            case ast.ClassDef():
                found += [
                    Finding(f"{path}::{node.name}.{name}", "only ever grows") for name in sorted(_only_growing(node))
                ]
    return found


def _scoped(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the dotted name of the class and function it stands in."""
    waiting = [(scope, node)]
    while waiting:
        around, parent = waiting.pop()
        for child in ast.iter_child_nodes(parent):
            yield around, child
            inner = around
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                inner = f"{around}.{child.name}" if around else child.name
            waiting.append((inner, child))


def _call(call: ast.Call) -> str | None:
    name = _name(call.func)
    if name == "SimpleQueue" or (name in _QUEUES and _is_endless(_argument(call, 0, "maxsize"))):
        return "a queue without a size"
    if name == "deque" and _argument(call, 1, "maxlen") is None:
        return "a deque without a size"
    if name == "lru_cache" and isinstance(size := _argument(call, 0, "maxsize"), ast.Constant) and size.value is None:
        return "a cache without a size"
    if name in _POOLS and _argument(call, 0, "max_workers") is None:
        return "a pool without a number of workers"
    return None


def _is_endless(size: ast.expr | None) -> bool:
    return size is None or (isinstance(size, ast.Constant) and not size.value)


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    if len(call.args) > position:
        return call.args[position]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _name(value)
    return ""


def _tries_at_once(loop: ast.While) -> bool:
    """Whether a failure within leads to the next round, and nothing in the loop waits."""
    swallowing = any(
        isinstance(node, ast.Try) and any(not _leaves(handler) for handler in node.handlers) for node in ast.walk(loop)
    )
    pausing = any(isinstance(node, ast.Call) and _name(node.func) in _PAUSES for node in ast.walk(loop))
    return swallowing and not pausing


def _leaves(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise | ast.Return | ast.Break)


def _only_growing(cls: ast.ClassDef) -> set[str]:
    """Attributes that begin as an empty collection and are added to, outside of the beginning, and never taken from."""
    begun: set[str] = set()
    grown: set[str] = set()
    shrunk: set[str] = set()
    for method in [node for node in cls.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]:
        begins = method.name in {"__init__", "__post_init__"}
        for node in ast.walk(method):
            for name in _assigned(node):
                (begun if begins and _is_empty(node) else shrunk).add(name)
            if not begins:
                grown |= _added(node)
            shrunk |= _taken(node)
    return (begun & grown) - shrunk


def _assigned(node: ast.AST) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    flat = [each for target in targets for each in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [name for target in flat if (name := _own(target)) is not None]


def _is_empty(node: ast.AST) -> bool:
    value = getattr(node, "value", None)
    if isinstance(value, ast.Dict | ast.List | ast.Set):
        return not (value.keys if isinstance(value, ast.Dict) else value.elts)
    if isinstance(value, ast.Call) and _name(value.func) == "deque":
        return _argument(value, 1, "maxlen") is None
    return isinstance(value, ast.Call) and _name(value.func) in _GROWING


def _added(node: ast.AST) -> set[str]:
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _ADDING:
            return _named(value)
        case ast.Assign(targets=targets):
            return {name for each in targets if isinstance(each, ast.Subscript) for name in _named(each.value)}
        case ast.AugAssign(target=ast.Subscript(value=value)) | ast.AugAssign(target=value):
            return _named(value)
    return set()


def _taken(node: ast.AST) -> set[str]:
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _TAKING:
            return _named(value)
        case ast.Delete(targets=targets):
            return {name for each in targets if isinstance(each, ast.Subscript) for name in _named(each.value)}
        case ast.AugAssign(target=target, op=ast.Sub() | ast.BitAnd()):
            return _named(target)
    return set()


def _named(node: ast.expr) -> set[str]:
    name = _own(node)
    return set() if name is None else {name}


def _own(node: ast.expr) -> str | None:
    """`x` of `self.x`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return None
