"""Files of rules and ladders made to hurt: each refused with its line, soon, and nothing in them run."""

import pytest

from alerts.ladder_file import read_ladders
from alerts.rulebook import parse
from alerts.rulebook_text import BYTES_MAX, RulebookError, read_text
from runtime.clock import SystemClock

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [" + ", ".join([f"*{before}"] * 9) + "]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
FILES = {
    "a bomb of aliases": LAUGHS,
    "an alias of itself": "a: &a [*a]",
    "a merge of itself": "a: &a\n  <<: *a",
    "a tag that calls": "!!python/object/apply:os.system ['touch /tmp/owned']",
    "a tag that makes an object": "a: !!python/object:builtins.dict {}",
    "a tag that imports": "a: !!python/module:os ''",
    "a tag that reads a file": "a: !include /etc/passwd",
    "a tag of our own": "a: !ours 1",
    "levels upon levels": "[" * 50_000,
    "levels of mappings": "".join("  " * depth + "a:\n" for depth in range(300)),
    "a key twice": "limits: {}\nlimits: {}",
    "a number that is none": "a: .nan",
    "a number beyond any": "a: 1e999",
    "a second document": "a: 1\n---\nb: 2",
    "a control character": "a: \x1b[2J",
    "NUL": "a: \0",
    "a text without end": "a: " + "x" * 10_000,
    "too many values": "a: [" + "1, " * 30_000 + "1]",
    "more than any file of ours": "# " + "x" * BYTES_MAX,
    "a mapping as a key": "? {a: 1}\n: 2",
}
ANSWER_S_MAX = 5.0


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_a_file_made_to_hurt_is_refused_with_its_place(text: str) -> None:
    clock = SystemClock()
    began_s = clock.monotonic_s()
    for read in (read_text, parse, read_ladders):
        with pytest.raises(RulebookError) as refused:
            read(text)
        assert "Line " in str(refused.value)
        assert len(str(refused.value)) < 500
    assert clock.monotonic_s() - began_s < ANSWER_S_MAX
