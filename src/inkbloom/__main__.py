"""The command `inkbloom` begins here, and so does `python -m inkbloom`, as torchrun starts it."""

import signal
import sys


def main() -> int:
    """The command. A Ctrl-C before it listens, or after it is done, ends the process without a word."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .cli import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
