"""Base class of the filters: tags of the estimator inside, and metadata for it."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn import get_config
from sklearn.base import MetaEstimatorMixin
from sklearn.utils import Bunch, Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from tfmkit.base import FieldRegressor


class Filter(MetaEstimatorMixin, FieldRegressor):
    """Base class of estimators that have another estimator as their parameter `estimator`."""

    # Names of the metadata of the filter itself, with or without routing.
    _own_metadata: ClassVar[frozenset[str]] = frozenset()
    estimator: Any

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the requests for metadata.

        Returns
        -------
        MetadataRouter
            Requests of the filter and of the estimator inside.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="predict", callee="predict").add(caller="score", callee="predict")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags, with those of the estimator inside that concern the data.

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
        """Return the metadata for the estimator inside. Without routing, the estimator gets none."""
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, method, **params)
        strangers = sorted(set(params) - self._own_metadata)
        if strangers:
            raise ValueError(f"Expected metadata {strangers} only with metadata routing enabled.")
        return Bunch(estimator=Bunch(fit={}, predict={}))
