"""One process or many: the accelerator, and how processes meet and part."""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import timedelta

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list

from ..environment import among_many, unswayed

PATIENCE = timedelta(minutes=30)  # that one process waits for another: the first makes cards and pictures meanwhile


@unswayed()
def join(device: torch.device) -> None:
    """Meets the other processes of a torchrun, if there are any; before that, nothing can be told from one to another.

    One whose torchrun is gone ends by itself: nobody else would end it where the others are gone too, and it may hold the run.
    """
    if among_many():
        if "TORCHELASTIC_RUN_ID" in os.environ:
            threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        PartialState(cpu=device.type == "cpu", timeout=PATIENCE)
    else:
        PartialState(cpu=device.type == "cpu")


def _end_with(parent: int) -> None:
    """Ends this process at once, as it may wait inside C++, when `parent` is no longer its parent."""
    while os.getppid() == parent:
        time.sleep(1)
    print("error: torchrun is gone: start it again, the same command goes on", file=sys.stderr, flush=True)
    os._exit(9)


def from_first(value: str) -> str:
    """What process 0 of a torchrun holds, once they have joined; the value itself in a single process."""
    return str(broadcast_object_list([value])[0])


def part() -> None:
    """Leaves the other processes of a torchrun, if there are any: an interpreter that ends while still joined may abort."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        time.sleep(0.2)  # its threads outlive it: one that lets go of its last tensor while the interpreter ends would abort it


@unswayed()
def make_accelerator(device: torch.device, precision: str) -> Accelerator:
    """The accelerator for one process or, under torchrun, for one of many."""
    AcceleratorState._reset_state()  # one process may train more than once, each time with a precision of its own
    return Accelerator(cpu=device.type == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")
