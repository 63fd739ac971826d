"""What `inkbloom explain` draws: each topic a picture and a film, made from real arrays, in English or Chinese.

Read `options` (what a topic is given), `topics` (their list), then any topic. `canvas`, `matrices` and `film` are shared.
"""
