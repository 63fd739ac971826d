"""Where and how a run computes: device, precision, compiler. Each choice comes with its reason in words."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from .config import Recipe
from .environment import own_place


def best_device() -> torch.device:
    """CUDA when there, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", own_place().local_rank)
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_precision(recipe: Recipe, device: torch.device) -> tuple[str, str]:
    """('fp32' or 'bf16', why). `auto` means bf16 where a 3x3 convolution proves faster with it, never fp16."""
    if recipe.precision != "auto":
        return recipe.precision, "as the recipe says"
    if device.type == "mps":
        return "fp32", "bf16 is not reliable on MPS"
    ratio = bf16_speedup(device)
    return ("bf16" if ratio > 1.2 else "fp32"), f"bf16 convolutions run {ratio:.2g}x as fast here"


def bf16_speedup(device: torch.device, rounds: int = 12) -> float:
    """How many times as fast a 3x3 convolution in channels_last, forward and backward, runs in bf16 as in fp32.

    Both take turns and their fastest rounds are compared, so that a busy machine hardly sways the answer.
    """
    with torch.random.fork_rng(devices=[]):
        layer = nn.Conv2d(64, 64, 3, padding=1)
    layer.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.zeros(64, 64, 14, 14, device=device).to(memory_format=torch.channels_last).requires_grad_()
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for bf16, taken in seconds.items():
            taken.append(_seconds(partial(_one_pass, layer, x, bf16), device))
    return min(seconds[False]) / min(seconds[True])


def _one_pass(layer: nn.Module, x: torch.Tensor, bf16: bool) -> None:
    with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
        out = layer(F.silu(x))
    out.float().square().mean().backward()


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def layout(net: nn.Module) -> torch.memory_format:
    """The memory layout that a network is fast in: what its `channels_last` says; contiguous where it says nothing."""
    return torch.channels_last if getattr(net, "channels_last", False) else torch.contiguous_format


def placed(net: nn.Module, device: torch.device) -> nn.Module:
    """The network itself, moved in place to the device and into the memory layout that it is fast in."""
    return net.to(device, memory_format=layout(net))  # type: ignore[call-overload]


def peak_memory(device: torch.device) -> int | None:
    """The most memory in bytes that this process has held so far: on a GPU its tensors, else all its resident pages.

    None where the system does not tell (Windows).
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def has_compiler() -> bool:
    """Whether a C++ compiler that torch.compile could use stands on this machine."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++", "c++"))


def choose_compile(recipe: Recipe, device: torch.device) -> tuple[bool, str]:
    """(compile the network?, why)."""
    if recipe.compile == "off":
        return False, "as the recipe says"
    if device.type == "cpu" and not has_compiler():
        return False, "no C++ compiler found"
    if device.type == "mps":
        return False, "not on MPS"
    return True, "as the recipe says" if recipe.compile == "on" else "a C++ compiler is there"


def compile_net(family: nn.Module, trial: Callable[[], torch.Tensor]) -> str | None:
    """Compile `family.net` in place and run one trial step through it; on failure go back to eager and say why.

    `trial` computes a loss; its gradients are thrown away, so the warm-up leaves no trace in the training.
    """
    net: nn.Module = family.net  # type: ignore[assignment]
    net.compile(dynamic=False)
    try:
        trial().backward()
    except Exception as problem:  # whatever the compiler of a stranger's machine raises, eager still works
        net._compiled_call_impl = None
        torch.compiler.reset()
        return f"torch.compile failed, going on without it: {type(problem).__name__}"
    finally:
        family.zero_grad(set_to_none=True)
    return None
