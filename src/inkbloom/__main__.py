"""`python -m inkbloom` is the command `inkbloom`; torchrun starts it so."""

import sys

from .cli import main

sys.exit(main())
