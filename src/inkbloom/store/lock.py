"""One trainer to a run: a lock that the kernel frees with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import Busy, DiskError, disk_error
from ..files import make_folder

NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # how a drive says that it has none


@contextmanager
def hold(run: Path) -> Iterator[None]:
    """Holds the run in the folder `run`, which it makes where missing, for the length of a `with` block.

    A new folder that nothing was put into goes again. Raises Busy at once where another process (or another block of this
    one) holds it, and DiskError where the folder cannot be written.
    """
    lock = FileLock(run / ".lock", timeout=0, fallback_to_soft=False)
    try:
        new = [folder for folder in (run, *run.parents) if not folder.exists()]
        make_folder(run)
        lock.acquire()
    except Timeout:
        raise Busy(f"another training holds this run ({run}): wait for it, stop it, or choose another --out") from None
    except OSError as problem:
        if problem.errno in NO_LOCKS:
            raise DiskError(
                f"this drive has no locks ({run}): choose an --out on a local disk, or mount it with locks"
            ) from None
        raise disk_error(problem, run) from problem
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes it with the release
            if os.listdir(run) == [".lock"]:
                (run / ".lock").unlink()
        lock.release()
        for folder in new:
            with suppress(OSError):  # something is in it
                folder.rmdir()
