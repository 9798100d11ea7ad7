"""Figures of fields, lambdas and benchmarks.

Every function returns a new `matplotlib.figure.Figure`. No window opens, and the state of pyplot and the settings of
matplotlib do not change. `save_figure` writes it as PNG, PDF or SVG, with text that can be edited, and
`save_movie` writes many as MP4 or GIF. matplotlib is imported at the first call. Maps are drawn as images are: x to
the right, y down.
"""

from tfmkit.plotting.bars import plot_bars
from tfmkit.plotting.courses import plot_courses
from tfmkit.plotting.images import plot_image
from tfmkit.plotting.lambdas import plot_criterion, plot_lambda_curve
from tfmkit.plotting.map_axes import image_extent
from tfmkit.plotting.maps import plot_map, plot_traction_map
from tfmkit.plotting.movies import save_movie
from tfmkit.plotting.profiles import plot_kymograph, plot_profile
from tfmkit.plotting.scale import robust_maximum
from tfmkit.plotting.sheets import plot_border_tension, plot_sheet_stress
from tfmkit.plotting.style import save_figure
from tfmkit.plotting.superplot import plot_superplot
from tfmkit.plotting.vectors import longest_arrow, plot_vectors

__all__ = [
    "image_extent",
    "longest_arrow",
    "plot_bars",
    "plot_border_tension",
    "plot_courses",
    "plot_criterion",
    "plot_image",
    "plot_kymograph",
    "plot_lambda_curve",
    "plot_map",
    "plot_profile",
    "plot_sheet_stress",
    "plot_superplot",
    "plot_traction_map",
    "plot_vectors",
    "robust_maximum",
    "save_figure",
    "save_movie",
]
