"""How many threads linear algebra takes: one, said before numpy is loaded, since it asks only then."""

import os

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def keep_to_one_thread() -> None:
    """One thread, unless the environment already says how many.

    The largest matrix here, the risk model's, has 234 rows: two threads that wait for each other cost twenty times the CPU of
    one (`python -m benchmarks risk`, with and without OPENBLAS_NUM_THREADS=2). Nor must their number change a figure.
    Packages whose programs calculate call this as they are imported, before anything of theirs loads numpy.
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")
