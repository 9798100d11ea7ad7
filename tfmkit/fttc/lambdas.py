"""Other programs' lambdas in tfmkit's convention.

tfmkit's ``lam`` is dimensionless: with the displacement in grid pixels and the traction in units of Young's modulus,
``tau`` minimises ``|u - K tau|^2 + lam |tau|^2``. In physical units Green's tensor is ``K * spacing / young``, so a
program that adds ``L`` to its square means ``lam = L * (young / spacing)^2``.
"""

from __future__ import annotations

from tfmkit._validation import check_number


def lam_from_danuser(L: float, *, young: float, spacing: float = 1.0) -> float:
    """Convert the lambda of `reg_fourier_TFM` (Sabass, Danuser) and of Wang & Lin's companion code.

    Parameters
    ----------
    L : float
        The program's lambda, >= 0: added to the square of Green's tensor in its own units.
    young : float
        Young's modulus that the program was given.
    spacing : float, default=1.0
        Grid spacing in the length unit that the program was given; 1 where that is the grid pixel.

    Returns
    -------
    float
        The dimensionless lambda, ``L * (young / spacing)^2``.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    The middle one of the lambdas of Wang & Lin (2021):

    >>> round(lam_from_danuser(1e-9, young=10_670.0), 4)
    0.1138
    """
    ratio = _positive(young, "young") / _positive(spacing, "spacing")
    return check_number(L, "L", low=0) * ratio**2


def lam_from_fiji(lambda_fiji: float, *, young: float, spacing_m: float) -> float:
    """Convert the regularisation parameter of the Fiji FTTC plugin.

    Parameters
    ----------
    lambda_fiji : float
        The number typed into the plugin, >= 0. The plugin squares it.
    young : float
        Young's modulus in Pa.
    spacing_m : float
        Grid spacing in metres.

    Returns
    -------
    float
        The dimensionless lambda, ``(lambda_fiji * young / spacing_m)^2``.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> round(lam_from_fiji(1e-9, young=10_000.0, spacing_m=2e-6), 6)
    25.0
    """
    ratio = _positive(young, "young") / _positive(spacing_m, "spacing_m")
    return (check_number(lambda_fiji, "lambda_fiji", low=0) * ratio) ** 2


def lam_from_easy_tfm(L: float, *, spacing_px: float = 1.0) -> float:
    """Convert the lambda of the Easy-to-use TFM package and of pytraction.

    Parameters
    ----------
    L : float
        The program's lambda in squared image pixels, >= 0; the programs solve with a Young's modulus of 1.
    spacing_px : float, default=1.0
        Grid spacing in image pixels.

    Returns
    -------
    float
        The dimensionless lambda, ``L / spacing_px^2``.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> lam_from_easy_tfm(140.0, spacing_px=10.0)
    1.4
    """
    return check_number(L, "L", low=0) / _positive(spacing_px, "spacing_px") ** 2


def _positive(value: float, name: str) -> float:
    return check_number(value, name, low=0, include_low=False)
