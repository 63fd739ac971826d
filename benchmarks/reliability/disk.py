"""R3, R4 and R5: power loss, full and broken disks, and damage to what lies on them."""

from __future__ import annotations

import errno
import os
import random
import shutil
import struct
from pathlib import Path
from typing import Any

from trials import FOREVER, Fault, Place

ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EROFS", "EMFILE")


def errors(place: Place, stride: int = 1) -> dict[str, Any]:
    """R4: each call that changes a file fails once, or from there on. The training ends well or with exit code 5; when the disk
    is well again, the same command ends with the bits of a run that was left in peace. A preview that could not be written is
    missed, with a line that says so: it is counted, and no failure.
    """
    recipe = place.recipe(steps=10, checkpoint_every=2)
    calls, failures, trials, went_on, missed = place.whole(recipe)[1].calls, [], 0, 0, 0
    for last, told in ((0, "once"), (FOREVER, "from there on")):
        for call in range(1, calls + 1, stride):
            name = ERRORS[trials % len(ERRORS)]
            run = place.new_run()
            ended = place.train(recipe, run, Fault(call, getattr(errno, name), last or call))
            trials += 1
            went_on += ended.code == 0
            wrong = "" if ended.code in (0, 5) else f"ended with {ended.code}: {ended.said.strip()[-200:]}"
            wrong = wrong or place.goes_on(recipe, run)
            missed += wrong == "previews differ"
            if wrong and wrong != "previews differ":
                failures.append(f"{name} {told} at call {call} of {calls}: {wrong}")
    return {"trials": trials, "failures": failures, "ended well": went_on, "previews missed": missed}


def damage(place: Place, trials: int) -> dict[str, Any]:
    """R5: a bit flipped, a file cut, a page of zeros, a file gone or too many, files of another checkpoint: all is noticed."""
    from inkbloom.errors import CheckpointError
    from inkbloom.store.checkpoint import read

    run, recipe, chance, failures = place.new_run(), place.recipe(), random.Random(5), []
    assert place.train(recipe, run).code == 0
    *_, other, checkpoint = sorted((run / "checkpoints").glob("step-????????"))
    files = {path: path.read_bytes() for path in sorted(checkpoint.iterdir())}
    kinds = (
        "a flipped bit",
        "a cut file",
        "a page of zeros",
        "a missing file",
        "a file of another checkpoint",
        "one file more",
    )
    done = dict.fromkeys(kinds, 0)
    while sum(done.values()) < trials:
        path, kind = chance.choice(list(files)), chance.choice(kinds)
        data = bytearray(files[path])
        at = chance.randrange(len(data))
        if kind == "a flipped bit":
            data[at] ^= 1 << chance.randrange(8)
        elif kind == "a cut file":
            del data[at:]
        elif kind == "a page of zeros":
            begin = at // 4096 * 4096
            data[begin : begin + 4096] = bytes(len(data[begin : begin + 4096]))
        elif kind == "a file of another checkpoint":
            data = bytearray((other / path.name).read_bytes())
        if kind in kinds[:3] + kinds[4:5] and data == files[path]:
            continue
        extra = checkpoint / "more"
        path.write_bytes(data)
        if kind == "a missing file":
            path.unlink()
        elif kind == "one file more":
            extra.write_bytes(b"more")
        done[kind] += 1
        try:
            read(checkpoint)
            failures.append(f"{kind}, {path.name}, byte {at}")
        except CheckpointError:
            pass
        path.write_bytes(files[path])
        extra.unlink(missing_ok=True)
    return {"trials": trials, "failures": failures, "kinds": done}


# ---- R3


class Folder:
    """A folder on a disk: names -> files and folders, as they are, as they are safe, and the changes since then."""

    def __init__(self) -> None:
        self.now: dict[str, Folder | File] = {}
        self.safe: dict[str, Folder | File] = {}
        self.unsafe: list[dict[str, Folder | File | None]] = []

    def change(self, **names: Folder | File | None) -> None:
        """Names that are given to something, or taken away, at one stroke."""
        _rename(self.now, names)
        self.unsafe.append(names)

    def sync(self) -> None:
        self.safe, self.unsafe = dict(self.now), []

    def survive(self, place: Path, chance: random.Random, share: float) -> None:
        """Writes what a power loss leaves: each unsafe change is there, or it is not."""
        left = dict(self.safe)
        for names in self.unsafe:
            if chance.random() < share:
                _rename(left, names)
        place.mkdir()
        for name, entry in left.items():
            entry.survive(place / name, chance, share)


class File:
    """A file on a disk: its bytes as they are, and as they are safe."""

    def __init__(self) -> None:
        self.now, self.safe = bytearray(), b""

    def sync(self) -> None:
        self.safe = bytes(self.now)

    def survive(self, place: Path, chance: random.Random, share: float) -> None:
        """Writes the safe bytes, all bytes, a part of them, or zeros in the place of some."""
        whole, cut = bytes(self.now), chance.randrange(len(self.now) + 1)
        torn = [whole[:cut], whole[:cut] + bytes(len(whole) - cut), whole, self.safe]
        place.write_bytes(self.safe if whole == self.safe or chance.random() >= share else chance.choice(torn))


def _rename(entries: dict[str, Any], names: dict[str, Any]) -> None:
    for name, entry in names.items():
        entries.pop(name, None)
        if entry is not None:
            entries[name] = entry


def replay(root: Folder, kind: str, path: str, more: bytes) -> None:
    """Makes one change of the book on the disk."""
    *above, name = path.strip("/").split("/")
    parent = root
    for each in above:
        parent = parent.now[each]  # type: ignore[assignment]
    there = parent.now.get(name) if name else root
    if kind == "D":
        parent.change(**{name: Folder()})
    elif kind in "TO":
        if there is None:
            parent.change(**{name: File()})
        elif kind == "T":
            there.now.clear()
    elif kind == "W":
        there.now.extend(more)  # type: ignore[union-attr]
    elif kind == "C":
        del there.now[struct.unpack("q", more)[0] :]  # type: ignore[union-attr, arg-type]
    elif kind == "S":
        there.sync()  # type: ignore[union-attr]
    elif kind == "U":
        parent.change(**{name: None})
    elif kind == "R":
        parent.change(**{name: None, os.path.basename(more.decode()): there})


def power_loss(place: Place, states: int) -> dict[str, Any]:
    """R3: what the run's folder may look like after a power loss at any moment: an intact checkpoint is there, not older than
    the last one that was reported as saved, and the recipe beside it.
    """
    from inkbloom.store.checkpoint import newest_intact, number
    from inkbloom.training import session

    def told() -> None:
        commit = session.commit

        def marked(folder: Path, step: int, files: dict[str, bytes]) -> Path:
            path = commit(folder, step, files)
            place.shim.fault_mark(str(step).encode())
            return path

        session.commit = marked

    run, book = place.new_run(), place.path / "book"
    with open(book, "wb") as file:
        assert place.train(place.recipe(steps=10, checkpoint_every=2), run, book=file.fileno(), first=told).code == 0
    changes = book_of(book.read_bytes())
    chance, failures, tried = random.Random(3), [], 0
    out = place.path / "after"
    while tried < states:
        disk, saved = Folder(), 0  # it holds the run's folder, whose own name the shim does not watch
        for count, (kind, path, more) in enumerate(changes, 1):
            if kind == "!":
                saved = int(path)
            else:
                replay(disk, kind, path.removeprefix(str(run.parent)), more)
                disk.sync()
            disk.survive(out, chance, chance.choice([0, 0.3, 0.6, 0.9, 1]))
            tried += 1
            checkpoints = out / run.name / "checkpoints"
            try:
                found = newest_intact(checkpoints)
                step = number(found[0]) if found else 0
                wrong = f"step {step} is the newest" if step < saved else ""
                if step and not (out / run.name / "config.toml").read_text():
                    wrong = "no recipe"
            except Exception as problem:
                wrong = repr(problem)
            if wrong:
                failures.append(f"after {count} of {len(changes)} changes, step {saved} reported: {wrong}")
            shutil.rmtree(out)
    return {"trials": tried, "failures": failures, "changes": len(changes)}


def book_of(data: bytes) -> list[tuple[str, str, bytes]]:
    """(kind, path, more) of each change that the shim wrote down."""
    changes, at = [], 0
    while at < len(data):
        kind = chr(data[at])
        path, more = struct.unpack_from("II", data, at + 1)
        at += 9
        changes.append((kind, data[at : at + path].decode(), data[at + path : at + path + more]))
        at += path + more
    return changes
