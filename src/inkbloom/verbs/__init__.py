"""The verbs of the command `inkbloom`, one file each: `add_flags(parser)` and `run(args)`. They import torch only to work."""
