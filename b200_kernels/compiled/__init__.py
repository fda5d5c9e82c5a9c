"""Our own engine: a lean Voxtral and an in-flight batching loop around it.

:mod:`shape` and :mod:`weights` read a checkpoint, :mod:`encoder` and :mod:`decoder` compute, :mod:`slots` keeps keys
and values, :mod:`batch` decides what is computed next, :mod:`engine` is what the rest of the project talks to.
"""
