"""
A measured movie: table, report and movie
=========================================

A bead movie of a sheet of MDCK cells, one frame every 15 minutes. `tfmkit batch` compares every frame with the same
image of the relaxed gel. Each map has its own lambda, because each frame has its own noise. `tfmkit movie` puts the
maps in a row, all with one scale, and `tfmkit report` shows everything on one page. The same in Python takes about a
minute on two cores.
"""

from pathlib import Path

from tfmkit import batch, datasets, plotting
from tfmkit.report import write_report
from tfmkit.report.figures import write_figures
from tfmkit.report.movies import write_movies

OUT = Path("out/measured_movie")
SHOWN = (1, 8, 15)  # frames that are drawn below; the movie has all

known = datasets.DATASETS["mdck-movie"]
movie = datasets.fetch("mdck-movie")
settings = {
    "input": {
        "folder": str(movie.parent),
        "relaxed": "Ref.tif",
        "deformed": movie.name,
        "pixel_size": known.pixel_size,
        "interval": 15 * 60,  # seconds
    },
    "gel": {"young": known.young, "poisson": known.poisson},
    "displacement": {"spacing": 10},
    "run": {"samples": 8, "jobs": 2},
}

if __name__ == "__main__":
    results = batch.run(settings, results=OUT)
    print(results)
    (written,) = write_movies(results, OUT / "movies", file_format="gif")
    write_report(OUT, OUT / "report.html", n_full=3)
    print(f"{written.name}: {written.stat().st_size / 1e6:.1f} MB, linked from report.html")

    table = results.table
    keys = set(table["item"][table["frame"].isin(SHOWN)])
    write_figures(results, keys, "traction", OUT / "figures", "png")
    energy, std = 1e12 * table["strain_energy_J"], 1e12 * table["strain_energy_J_std"]
    course = (table["time_s"] / 3600, energy, std)
    figure = plotting.plot_courses(
        [course], xlabel="time (h)", ylabel="strain energy (pJ)", ylim=(0, 1.1 * energy.max())
    )
    plotting.save_figure(figure, OUT / "strain_energy.png")
