"""The parts of `inkbloom bench`: each is a generator of rows, which are a line of text and the figures behind it."""
