"""The settings of the stress inside sheets of cells."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tfmkit.batch.section import NotNegative, Section


class MonolayerSettings(Section):
    """Section ``[monolayer]``: the stress inside sheets of cells. Without the section there is none."""

    estimator: Literal["MonolayerStress", "BayesianStress"] = "MonolayerStress"
    """Estimator of the stress."""
    poisson: Annotated[float, Field(gt=-1, lt=1)] = 0.5
    """Poisson ratio of the sheet."""
    boundary: Literal["sliding", "fixed", "free"] | None = None
    """Condition where the sheet leaves the field; by default that of the estimator."""
    noise: NotNegative | None = None
    """Noise level of the traction in Pa, for BayesianStress; by default it is measured outside of the sheet."""
    margin: NotNegative = 0.0
    """Micrometres by which the traction reaches beyond the cells."""

    @property
    def params(self) -> dict[str, Any]:
        """Return the parameters of the estimator.

        Returns
        -------
        dict of str to object
            Names and values; those that are absent keep the estimator's default.
        """
        names = ("poisson", "boundary", "noise")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @model_validator(mode="after")
    def _knows_its_noise(self) -> MonolayerSettings:
        if self.noise is not None and self.estimator != "BayesianStress":
            raise ValueError('noise goes with estimator = "BayesianStress" only.')
        return self
