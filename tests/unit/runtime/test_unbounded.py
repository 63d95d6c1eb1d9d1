"""The finder of what has no bound finds it, and lets pass what has one."""

import ast

import pytest

from tests.support.unbounded import Finding, unbounded

WITHOUT = {
    "a queue": "import asyncio\nwaiting = asyncio.Queue()",
    "a queue of size 0, which is endless": "import asyncio\nwaiting = asyncio.Queue(maxsize=0)",
    "a simple queue": "from queue import SimpleQueue\nwaiting = SimpleQueue()",
    "a deque": "from collections import deque\nseen = deque([1])",
    "a cache": "from functools import cache\n@cache\ndef answer(x): return x",
    "a cache by attribute": "import functools\n@functools.cache\ndef answer(x): return x",
    "a cache of any size": "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef answer(x): return x",
    "a pool": "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor()",
    "a loop that tries again at once": "while True:\n    try:\n        go()\n    except OSError:\n        continue",
    "an attribute that grows": "class A:\n    def __init__(self): self._x = {}\n    def put(self, k): self._x[k] = 1",
    "a list that grows": "class A:\n    def __init__(self): self.x = []\n    def put(self, k): self.x.append(k)",
    "a set of a declared type": "class A:\n    def __init__(self):\n        self.x: set[int] = set()\n    def put(self, k): self.x.add(k)",
}
WITH = {
    "a queue": "import asyncio\nwaiting = asyncio.Queue(maxsize=size)",
    "a deque": "from collections import deque\nseen = deque(maxlen=10)",
    "a deque by position": "from collections import deque\nseen = deque([], 10)",
    "a cache": "from functools import lru_cache\n@lru_cache(maxsize=8)\ndef answer(x): return x",
    "a pool": "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(max_workers=n)",
    "a loop that pauses": "while True:\n    try:\n        go()\n    except OSError:\n        backoff.pause()",
    "a loop that gives up": "while True:\n    try:\n        go()\n    except OSError:\n        raise",
    "an attribute that is taken from": "class A:\n    def __init__(self): self._x = {}\n    def put(self, k):\n        self._x[k] = 1\n        self._x.pop(0)",
    "an attribute that is begun anew": "class A:\n    def __init__(self): self.x = []\n    def put(self, k): self.x.append(k)\n    def reset(self): self.x = []",
    "an attribute that is filled once": "class A:\n    def __init__(self):\n        self.x = {}\n        self.x[1] = 2",
}


def found_in(source: str) -> list[Finding]:
    return unbounded("m.py", ast.parse(source))


@pytest.mark.parametrize("what", WITHOUT)
def test_what_has_no_bound_is_found(what: str) -> None:
    assert len(found_in(WITHOUT[what])) == 1


@pytest.mark.parametrize("what", WITH)
def test_what_has_a_bound_is_none(what: str) -> None:
    assert found_in(WITH[what]) == []


def test_a_finding_names_module_class_and_what() -> None:
    (found,) = unbounded("room/m.py", ast.parse(WITHOUT["an attribute that grows"]))
    assert (found.place, found.what) == ("room/m.py::A._x", "only ever grows")
