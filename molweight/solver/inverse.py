"""Best responses: approximate solutions of H·x = b, given only products with H."""

from collections.abc import Callable

from molweight.solver.curvature import Params

MatVec = Callable[[Params], Params]
Inverse = Callable[[MatVec, Params], Params]


def identity(matvec: MatVec, b: Params) -> Params:
    """x = b: the curvature is taken for the identity, as when one gradient step is unrolled."""
    return b


INVERSES: dict[str, Inverse] = {"identity": identity}


def as_inverse(inverse: str | Inverse) -> Inverse:
    """A best response by name or as a function.

    Raises:
        ValueError: if there is none of that name.
    """
    if not isinstance(inverse, str):
        return inverse
    if inverse not in INVERSES:
        raise ValueError(f"best response must be a function or one of {sorted(INVERSES)}, got {inverse!r}")
    return INVERSES[inverse]
