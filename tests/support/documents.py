"""What the documents tell a reader to type: commands of `sh` blocks and code spans, settings files, and readings as JSON."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.tree import text, tracked

PROGRAMS = ("wardlight", "make", "mosquitto_pub", "mosquitto_sub", "docker", "curl")
"""A code span that begins with one of these, and goes on, is a command."""
PLACEHOLDER = re.compile(r"(?<![$\w-])(?!(?:GET|POST|PUT|DELETE|WARDLIGHT_\w+)\b)[A-Z]{4,}\b(?!=)")
"""Words in capitals stand for something of the reader's own."""

_BLOCK = re.compile(
    r"^(?:<!-- (?P<walk>[^\n]*?) -->\n)?```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL
)
_SPAN = re.compile(r"`([^`\n]+)`")
_FILE_HEAD = re.compile(r"#\s*(?P<name>[\w-]+\.toml)\b")
_ASSIGNMENT = re.compile(r'[A-Z_][A-Z0-9_]*=(?:"[^"]*"|[^"\s]\S*)?\s+')
_INTERPRETER = re.compile(r"(?<![\w./])\.venv/bin/(?=wardlight\b)")
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_INDENTED = re.compile(rf"^ {{4,}}(?:\.venv/bin/)?(?:{'|'.join(PROGRAMS)}) ", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One command as a document has it, without its comment."""

    text: str
    document: str
    line: int
    comment: str = ""
    walk: str | None = None
    """The mark of a block that is one step of a longer way (`<!-- run backup -->`), which a test of its own walks whole."""

    def __str__(self) -> str:
        return f"{self.document}:{self.line} {self.text}"

    @property
    def program(self) -> str:
        """What is run, after settings of its environment."""
        return re.split(r"\s", _ASSIGNMENT.sub("", self.text), maxsplit=1)[0]

    @property
    def words(self) -> list[str]:
        """The words of its first program, as the shell would split them; nothing is expanded."""
        lexer = shlex.shlex(_ASSIGNMENT.sub("", self.text), posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word[0] in "|&;<>":
                break
            words.append(word)
        return words


def pages() -> tuple[str, ...]:
    """The documents whose commands must work."""
    readers = {"README.md", "README.zh.md", "CONTRIBUTING.md", "SECURITY.md"}
    return tuple(name for name in tracked() if name in readers or re.fullmatch(r"docs/[^/]+\.md", name))


def commands(document: str) -> list[Command]:
    """Every command of a document, in its order; a line of an `sh` block is one, whatever its program."""
    page = text(document)
    found = [*_of_blocks(document, page), *_of_spans(document, page)]
    return sorted(found, key=lambda command: command.line)


def all_commands() -> list[Command]:
    """Every command of every page that stands by itself, each text once: where it stands first."""
    first: dict[str, Command] = {}
    for document in pages():
        for command in commands(document):
            if command.walk is None:
                first.setdefault(command.text, command)
    return list(first.values())


def walks() -> dict[str, set[str]]:
    """The marks of blocks that are walked as a whole, by document."""
    found: dict[str, set[str]] = {}
    for document in pages():
        for command in commands(document):
            if command.walk is not None:
                found.setdefault(document, set()).add(command.walk)
    return found


def settings_files() -> dict[str, str]:
    """Settings files that the pages show (blocks of TOML whose first line names them), by name."""
    found: dict[str, str] = {}
    for document in pages():
        for block in _BLOCK.finditer(text(document)):
            head = _FILE_HEAD.match(block["body"])
            if block["language"] == "toml" and head is not None:
                found.setdefault(head["name"], block["body"])
    return found


def json_blocks() -> dict[str, str]:
    """Blocks of JSON, by `document:line`."""
    return {
        f"{document}:{_line_of(page, block.start())}": block["body"]
        for document in pages()
        for page in [text(document)]
        for block in _BLOCK.finditer(page)
        if block["language"] == "json"
    }


def unfenced_commands() -> list[str]:
    """Commands in blocks made by indentation, where nobody would look for them."""
    return [
        f"{document}:{_line_of(page, found.start())}"
        for document in pages()
        for page in [_BLOCK.sub(_blank, text(document))]
        for found in _INDENTED.finditer(page)
    ]


def _of_blocks(document: str, page: str) -> Iterator[Command]:
    for block in _BLOCK.finditer(page):
        if block["language"] not in {"sh", "bash", "shell", "console"}:
            continue
        begins = _line_of(page, block.start("body"))
        gathered: list[str] = []
        for number, line in enumerate(block["body"].splitlines(), start=begins):
            gathered.append(line)
            whole = "\n".join(gathered)
            if not _is_whole(whole):
                continue
            gathered = []
            bare, comment = _and_comment(whole)
            if bare:
                yield Command(bare, document, number, comment, block["walk"])
        assert not gathered, f"{document}:{begins}: a quote in this block is never closed"


def _of_spans(document: str, page: str) -> Iterator[Command]:
    prose = _BLOCK.sub(_blank, page)
    for span in _SPAN.finditer(prose):
        written = _INTERPRETER.sub("", span[1].strip().replace("\\|", "|"))
        command = Command(written, document, _line_of(prose, span.start()))
        if command.program in PROGRAMS and command.program != written and _ELLIPSIS not in written:
            yield command


def _is_whole(lines: str) -> bool:
    """Whether a line needs no continuation."""
    if lines.endswith("\\"):
        return False
    try:
        shlex.split(lines, comments=True)
    except ValueError:
        return False
    return True


def _and_comment(line: str) -> tuple[str, str]:
    """A line of a block as it would be typed (continuations joined, our command found on the path), and its comment."""
    joined, comment = re.sub(r"\\\n\s*", "", line), ""
    for match in re.finditer(r"(?:^|\s)#", joined):
        if _is_whole(joined[: match.start()]):
            joined, comment = joined[: match.start()], joined[match.end() :]
            break
    return _INTERPRETER.sub("", joined.strip()), comment.strip()


def _blank(block: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "", block[0])


def _line_of(page: str, position: int) -> int:
    return page.count("\n", 0, position) + 1
