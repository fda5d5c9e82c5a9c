"""Our own engine: a lean Voxtral and an in-flight batching loop around it.

:mod:`shape` and :mod:`weights` read a checkpoint, :mod:`formats` and :mod:`weight_forms` say in which numbers,
:mod:`encoder` and :mod:`decoder` compute, :mod:`pages` keeps keys and values, :mod:`batch` decides what is next and
:mod:`recording` how a GPU is told, :mod:`lane` is the thread that does it, :mod:`timings` tells when words were said,
and :mod:`engine` is what the rest of the project talks to.
"""
