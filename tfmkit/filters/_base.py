"""What filters share: the tags of the estimator inside and the way of metadata to it."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn import get_config
from sklearn.base import MetaEstimatorMixin
from sklearn.utils import Bunch, Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from tfmkit.base import TractionEstimator


class Filter(MetaEstimatorMixin, TractionEstimator):
    """Base class of estimators around an estimator, their parameter `estimator`."""

    # Metadata that a filter takes itself, with or without routing.
    _own_metadata: ClassVar[frozenset[str]] = frozenset()
    estimator: Any

    def get_metadata_routing(self) -> MetadataRouter:
        """Return who gets which metadata.

        Returns
        -------
        MetadataRouter
            The filter's own requests and those of the estimator.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="predict", callee="predict").add(caller="score", callee="predict")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags of the estimator inside, as far as they concern data.

        Returns
        -------
        Tags
            The tags.
        """
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.target_tags.required = inner.target_tags.required
        tags.non_deterministic = inner.non_deterministic
        return tags

    def _route(self, method: str, params: dict[str, Any]) -> Bunch:
        """Return the metadata for the estimator; without routing only the filter itself gets any."""
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, method, **params)
        strangers = sorted(set(params) - self._own_metadata)
        if strangers:
            raise ValueError(f"Expected metadata {strangers} only with metadata routing enabled.")
        return Bunch(estimator=Bunch(fit={}, predict={}))
