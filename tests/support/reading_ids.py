"""A set of numbered reading ids in little memory: runs of sequence numbers per device and boot."""

from collections.abc import Iterable, Iterator

from vitals.sequences import SeenSequences

RUNS_MAX = 100_000


class ReadingIds:
    """Grows by `add`; half a million ids that follow one another take a few kilobytes."""

    def __init__(self) -> None:
        self._of: dict[str, SeenSequences] = {}

    def add(self, ids: Iterable[str]) -> None:
        """Remember ids of the form device/boot/sequence."""
        for reading_id in ids:
            source, _, sequence = reading_id.rpartition("/")
            self._of.setdefault(source, SeenSequences()).add(int(sequence), intervals_max=RUNS_MAX)

    def __iter__(self) -> Iterator[str]:
        for source, seen in self._of.items():
            for first, last in zip(seen.firsts, seen.lasts, strict=True):
                for sequence in range(first, last + 1):
                    yield f"{source}/{sequence}"
