"""How the weights of a network move: what `program` compiles beside the network itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Rule"]


@dataclass(frozen=True)
class Rule:
    """How the weights move.

    Parameters
    ----------
    optimizer : str or optax transformation
        Name, or a user's own transformation, which is taken as it is.
    options : tuple of (name, value)
        Of the optimizer.
    schedule : str or callable
        Name, or a function from the share of the work done to a factor of the rate.
    clip : float
        Longest gradient; 0 = as it is.
    decay : float
        Decoupled weight decay of matrices, times the rate.
    average : Ema, Tail or None
        A running average of the weights, which is then judged and exported.
    dropout : float
        Share of neurons dropped.
    groups : bool
        Groups of parameters learn at their own multiples of the rate.
    """

    optimizer: Any = "adam"
    options: tuple[tuple[str, Any], ...] = ()
    schedule: Any = "coslog4"
    clip: float = 0.0
    decay: float = 0.0
    average: Any = None
    dropout: float = 0.0
    groups: bool = True
