"""What training minimises."""

from __future__ import annotations

from torch import Tensor, nn


class RelativeError(nn.Module):
    """The relative RMSE of each field, averaged over the fields of a batch.

    Notes
    -----
    ``mean_i sqrt(|t^_i - t_i|^2 / |t_i|^2)``: the metric :func:`tfmkit.metrics.relative_rmse`, so that a weak cell
    counts as much as a strong one and the loss of a validation batch is the score. A field without traction has no
    relative error; its absolute one counts instead.
    """

    def forward(self, y_pred: Tensor | tuple[Tensor, ...], y_true: Tensor) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        y_pred : Tensor of shape (n_fields, 2, height, width), or a tuple that starts with it
            Predicted traction.
        y_true : Tensor of shape (n_fields, 2, height, width)
            True traction.

        Returns
        -------
        Tensor
            A number.
        """
        traction = y_pred[0] if isinstance(y_pred, tuple) else y_pred
        error = (traction - y_true).square().flatten(1).sum(1)
        size = y_true.square().flatten(1).sum(1)
        # The small number keeps the slope of the root finite at a perfect prediction.
        return (error / size.where(size > 0, 1.0) + 1e-12).sqrt().mean()
