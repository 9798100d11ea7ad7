"""The base of all transformers from image pairs to displacement: grid, checks, flags, quality, precision."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Bunch, Tags
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from tfmkit._validation import FloatArray, check_count, check_result
from tfmkit.displacement._images import Mask, Prepared, check_excluded, check_pairs, prepare
from tfmkit.displacement._lattice import Lattice, nodes
from tfmkit.displacement._match import Match, replace
from tfmkit.displacement._precision import Exponents, standard_deviation

# Correlation of the two images under which a window holds no match.
_LEAST_QUALITY = 0.3
# Rings of nodes around a node without a match that are not trusted either.
_SPOILT = 2
# Share of unmatched nodes from which poor ones count as unmatched as well. A node is poor if the quality around it is
# less than this part of the best tenth's, or than the last number, which wrong vectors seldom reach by chance.
_MOST_FLAGGED, _POOR, _BEST, _LEAST_LEFT = 0.3, 0.75, 0.9, 0.7
# Most rings of poor nodes around unmatched ones that count as unmatched, too.
_AROUND = 6
# Fields are measured on nodes this far apart, and thinned out to the spacing that is asked for.
_SPACING = 4


class Flag(IntEnum):
    """Fate of a vector: measured, or replaced and why."""

    GOOD = 0
    OUTLIER = 1
    NO_MATCH = 2
    EXCLUDED = 3


class Measured(NamedTuple):
    """One pair: displacement and its standard deviation (2, n_y, n_x), flags and quality (n_y, n_x)."""

    displacement: FloatArray
    std: FloatArray
    flags: NDArray[np.uint8]
    quality: FloatArray


class DisplacementTransformer(TransformerMixin, BaseEstimator):
    """Base class of transformers from pairs of bead images to displacement fields.

    A subclass has a parameter `spacing`, measures one pair of prepared images in `_measure_pair`, and knows the
    exponents of its standard deviation.
    """

    spacing: int
    _exponents: Exponents

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, *, exclude: ArrayLike | None = None) -> Any:
        """Measure image pairs, and keep how well that went.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, height, width)
            Relaxed and deformed image of each pair.
        y : array-like, optional
            Ignored.
        exclude : array-like of shape (n_pairs, height, width) or (height, width), optional
            True where the images show nothing that counts (debris, beads that do not move with the gel).

        Returns
        -------
        DisplacementTransformer
            The transformer itself.

        Raises
        ------
        ValueError
            If the pairs, the mask or a parameter are not valid.
        """
        self.fit_transform(X, y, exclude=exclude)
        return self

    def fit_transform(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,  # noqa: ARG002 - scikit-learn's signature
        *,
        exclude: ArrayLike | None = None,
    ) -> FloatArray:
        """Measure image pairs, keep how well that went, and return the displacement.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, height, width)
            Relaxed and deformed image of each pair.
        y : array-like, optional
            Ignored.
        exclude : array-like of shape (n_pairs, height, width) or (height, width), optional
            True where the images show nothing that counts.

        Returns
        -------
        ndarray of shape (n_pairs, 2, n_y, n_x)
            Displacement of the gel (x to the right, y down) in image pixels.

        Raises
        ------
        ValueError
            If the pairs, the mask or a parameter are not valid.
        """
        result = self.measure(X, exclude=exclude)
        self.grid_x_, self.grid_y_, self.spacing_ = result.grid_x, result.grid_y, self.spacing
        self.flags_, self.quality_, self.std_ = result.flags, result.quality, result.std
        self.image_shape_ = np.shape(X)[2:]
        return result.displacement

    def transform(self, X: ArrayLike, *, exclude: ArrayLike | None = None) -> FloatArray:
        """Measure the displacement of image pairs of the size that `fit` saw.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, height, width)
            Relaxed and deformed image of each pair.
        exclude : array-like of shape (n_pairs, height, width) or (height, width), optional
            True where the images show nothing that counts.

        Returns
        -------
        ndarray of shape (n_pairs, 2, n_y, n_x)
            Displacement of the gel (x to the right, y down) in image pixels.

        Raises
        ------
        ValueError
            If the pairs, the mask or a parameter are not valid, or the images have another size.
        """
        check_is_fitted(self)
        if np.ndim(X) == 4 and np.shape(X)[2:] != self.image_shape_:
            raise ValueError(f"Expected images of the fitted shape {self.image_shape_}, got {np.shape(X)[2:]}.")
        return self.measure(X, exclude=exclude).displacement

    def measure(self, X: ArrayLike, *, exclude: ArrayLike | None = None) -> Bunch:
        """Measure image pairs and state how exact each vector is; needs no fit and keeps nothing.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, height, width)
            Relaxed and deformed image of each pair.
        exclude : array-like of shape (n_pairs, height, width) or (height, width), optional
            True where the images show nothing that counts.

        Returns
        -------
        Bunch
            ``displacement`` (n_pairs, 2, n_y, n_x) in image pixels, with vectors that are not good replaced from those
            around them; ``std``, the standard deviation of each component in image pixels, NaN for vectors that are
            not good; ``flags`` (n_pairs, n_y, n_x), a :class:`Flag` each; ``quality`` of the same shape, the
            correlation of the two images around the node once the displacement is undone, 1 at best; ``grid_x`` and
            ``grid_y``, positions of the nodes in image pixels.

        Raises
        ------
        ValueError
            If the pairs, the mask or a parameter are not valid.
        """
        self._check()
        pairs = check_pairs(X)
        excluded = check_excluded(exclude, pairs.shape)
        # Matrices are so small that threads of linear algebra would spend their time waiting for each other.
        with threadpool_limits(1, user_api="blas"):
            parts = [self._measure_checked(pair, out) for pair, out in zip(pairs, excluded, strict=True)]
        displacement, std, flags, quality = (np.stack(part) for part in zip(*parts, strict=True))
        height, width = pairs.shape[2:]
        return Bunch(
            displacement=check_result(displacement.astype(pairs.dtype), "displacement"),
            std=std.astype(pairs.dtype),
            flags=flags,
            quality=quality,
            grid_x=nodes(width, self.spacing),
            grid_y=nodes(height, self.spacing),
        )

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags of a transformer of image pairs.

        Returns
        -------
        Tags
            The tags.
        """
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.requires_fit = True
        return tags

    def _check(self) -> None:
        check_count(self.spacing, "spacing")

    def _measure_checked(self, pair: FloatArray, excluded: Mask) -> Measured:
        """Measure one pair, flag vectors that are not good, and thin the nodes out to those that are asked for."""
        shape = pair.shape[1], pair.shape[2]
        if min(shape) < 8 * self.spacing:
            raise ValueError(f"Expected at least 8 nodes a side, got images of {shape} px with spacing={self.spacing}.")
        images = prepare((pair[0], pair[1]), excluded)
        fine = Lattice(shape, _SPACING)
        field = self._measure_pair(images, fine)
        match = Match(images.relaxed, images.deformed, images.valid, fine)
        agreement = match.compare(field)
        quality = agreement.correlation
        flags = _judge(match.outliers(field, quality), quality, excluded, fine)
        field = replace(field, flags != Flag.GOOD)
        # Gel that has left the image cannot be seen; the smooth continuation of the field is kept in its place.
        flags[(flags == Flag.GOOD) & fine.leaves(field)] = Flag.NO_MATCH
        std = standard_deviation(field, agreement, self._exponents)
        wanted = Lattice(shape, self.spacing)
        if wanted != fine:
            nearest = np.ix_(*(_nearest(a, b) for a, b in zip(fine.positions(), wanted.positions(), strict=True)))
            field, std = fine.interpolate(field, wanted), std[:, nearest[0], nearest[1]]
            flags, quality = flags[nearest], quality[nearest]
        return Measured(field, np.where(flags == Flag.GOOD, std, np.nan), flags, quality)

    def _measure_pair(self, images: Prepared, lattice: Lattice) -> FloatArray:
        raise NotImplementedError


def _judge(outliers: Mask, quality: FloatArray, excluded: Mask, lattice: Lattice) -> NDArray[np.uint8]:
    flags = np.full(quality.shape, Flag.GOOD, dtype=np.uint8)
    flags[outliers] = Flag.OUTLIER
    # Vectors next to those without a match have windows that reach into the same emptiness.
    flags[ndimage.binary_dilation(quality < _LEAST_QUALITY, iterations=_SPOILT)] = Flag.NO_MATCH
    smooth = ndimage.gaussian_filter(quality, _SPOILT, mode="nearest")
    least = _POOR * float(np.quantile(quality, _BEST))
    # Where the gel is strained too far, wrong vectors with half a match lie around those without one.
    flags[ndimage.binary_dilation(flags == Flag.NO_MATCH, iterations=_AROUND, mask=smooth < least)] = Flag.NO_MATCH
    poor = smooth < max(least, _LEAST_LEFT)
    # In images that turned or sheared too far, wrong vectors are many and happen to match by half.
    if (flags != Flag.GOOD).mean() > _MOST_FLAGGED:
        flags[poor] = Flag.NO_MATCH
    rows, columns = (np.rint(position).astype(int) for position in lattice.positions())
    flags[excluded[np.ix_(rows, columns)]] = Flag.EXCLUDED
    return flags


def _nearest(known: FloatArray, wanted: FloatArray) -> NDArray[np.intp]:
    return np.abs(wanted[:, None] - known).argmin(axis=1)
