"""Training: the loop, and all that makes a run survive whatever stops it."""
