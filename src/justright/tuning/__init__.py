"""Search for better choices of a recipe: spaces, samplers by ask and tell, successive halving, importance.

    space.py     which keys of the recipe, between what
    halving.py   who goes on: rungs of effort, the best third of a rung climbs
    sampling.py  what is tried next, given all that is known
    study.py     the coordinator: asks, hands out, hears, writes down
    records.py   what is known of the trials, a line each, on the disk
    importance.py which keys mattered

What a trial is, is told by the caller, as a function from a job to an outcome.
"""
