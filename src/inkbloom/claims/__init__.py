"""What the tutorial claims, each claim put to a small experiment: figures, and a verdict that a stated rule draws from them.

Read `claim` (what a claim is), `lab` (what experiments share), then any theme; `catalogue` lists them all, `telling` puts them
into words.
"""
