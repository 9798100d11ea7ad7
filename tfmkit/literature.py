"""The papers behind the methods: as a line to read, with a link, and as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Reference:
    """A paper.

    Attributes
    ----------
    key : str
        Its key in BibTeX.
    authors : tuple of str
        All authors, each as ``"J. P. Butler"``.
    title : str
        Its title.
    journal : str
        Journal, or proceedings.
    volume : str
        Volume; empty where there is none.
    pages : str
        First and last page, with a hyphen between them, or the number of the article.
    year : int
        Year.
    role : str
        Its part in the analysis.
    doi : str
        Digital object identifier; empty where there is none.
    """

    key: str
    authors: tuple[str, ...]
    title: str
    journal: str
    volume: str
    pages: str
    year: int
    role: str
    doi: str = ""

    @property
    def text(self) -> str:
        """Return the reference as a line to read.

        Returns
        -------
        str
            Authors, title, journal, volume, pages and year. Of four and more authors, the first stands for all.
        """
        names = ", ".join(self.authors) if len(self.authors) < 4 else f"{self.authors[0]} et al."
        volume = f" {self.volume}" if self.volume else ""
        return f"{names}, {self.title}, {self.journal}{volume}, {self.pages.replace('-', _DASH)} ({self.year})."

    @property
    def bibtex(self) -> str:
        """Return the reference as an entry of a BibTeX file.

        Returns
        -------
        str
            An ``@article``.
        """
        fields = {
            "author": " and ".join(self.authors),
            # Braces keep the capitals of names such as PIV.
            "title": f"{{{self.title}}}",
            "journal": self.journal,
            "volume": self.volume,
            "pages": self.pages.replace("-", "--"),
            "year": str(self.year),
            "doi": self.doi,
        }
        lines = [f"  {name} = {{{value}}},\n" for name, value in fields.items() if value]
        return f"@article{{{self.key},\n{''.join(lines)}}}\n"


def as_bibtex(references: Iterable[Reference], version: str) -> str:
    """Return tfmkit and papers as the text of a BibTeX file.

    Parameters
    ----------
    references : iterable of Reference
        The papers.
    version : str
        Version of tfmkit.

    Returns
    -------
    str
        The entries.
    """
    software = (
        "@software{tfmkit,\n  author = {{the tfmkit developers}},\n  title = {{tfmkit}},\n"
        f"  version = {{{version}}},\n}}\n"
    )
    return "\n".join([software, *(reference.bibtex for reference in references)])


BUTLER = Reference(
    "Butler2002",
    ("J. P. Butler", "I. M. Tolić-Nørrelykke", "B. Fabry", "J. J. Fredberg"),
    "Traction fields, moments, and strain energy that cells exert on their surroundings",
    "Am. J. Physiol. Cell Physiol.", "282", "C595-C605", 2002, "Fourier transform traction cytometry",
    "10.1152/ajpcell.00270.2001",
)  # fmt: skip
SABASS = Reference(
    "Sabass2008",
    ("B. Sabass", "M. L. Gardel", "C. M. Waterman", "U. S. Schwarz"),
    "High resolution traction force microscopy based on experimental and computational advances",
    "Biophys. J.", "94", "207-220", 2008, "its regularisation", "10.1529/biophysj.107.113670",
)  # fmt: skip
WANG = Reference(
    "Wang2021",
    ("Y.-l. Wang", "Y.-C. Lin"),
    "Traction force microscopy by deep learning",
    "Biophys. J.", "120", "3079-3090", 2021, "traction by a network", "10.1016/j.bpj.2021.06.011",
)  # fmt: skip
HUANG = Reference(
    "Huang2019",
    ("Y. L. Huang", "C. Schell", "T. B. Huber", "A. N. Şimşek", "N. Hersch", "R. Merkel", "G. Gompper", "B. Sabass"),
    "Traction force microscopy with optimized regularization and automated Bayesian parameter selection for comparing "
    "cells",
    "Sci. Rep.", "9", "539", 2019, "Bayes' rule and the elastic net", "10.1038/s41598-018-36896-x",
)  # fmt: skip
SCARANO = Reference(
    "Scarano2002",
    ("F. Scarano",),
    "Iterative image deformation methods in PIV",
    "Meas. Sci. Technol.", "13", "R1-R19", 2002, "windows that deform with the image", "10.1088/0957-0233/13/1/201",
)  # fmt: skip
WESTERWEEL = Reference(
    "Westerweel2005",
    ("J. Westerweel", "F. Scarano"),
    "Universal outlier detection for PIV data",
    "Exp. Fluids", "39", "1096-1100", 2005, "detection of outliers", "10.1007/s00348-005-0016-6",
)  # fmt: skip
LUCAS = Reference(
    "Lucas1981",
    ("B. D. Lucas", "T. Kanade"),
    "An iterative image registration technique with an application to stereo vision",
    "Proc. 7th Int. Joint Conf. Artificial Intelligence", "", "674-679", 1981, "image registration by least squares",
)  # fmt: skip
LE_BESNERAIS = Reference(
    "LeBesnerais2005",
    ("G. Le Besnerais", "F. Champagnat"),
    "Dense optical flow by iterative local window registration",
    "IEEE Int. Conf. Image Processing", "", "I-137", 2005, "iterative Lucas-Kanade optical flow",
    "10.1109/ICIP.2005.1529706",
)  # fmt: skip
ZACH = Reference(
    "Zach2007",
    ("C. Zach", "T. Pock", "H. Bischof"),
    "A duality based approach for realtime TV-L1 optical flow",
    "Pattern Recognition (DAGM)", "4713", "214-223", 2007, "TV-L1 optical flow", "10.1007/978-3-540-74936-3_22",
)  # fmt: skip
DEL_ALAMO = Reference(
    "delAlamo2007",
    ("J. C. del Álamo", "R. Meili", "B. Alonso-Latorre", "J. Rodríguez-Rodríguez", "A. Aliseda", "R. A. Firtel",
     "J. C. Lasheras"),
    "Spatio-temporal analysis of eukaryotic cell motility by improved force cytometry",
    "Proc. Natl. Acad. Sci. USA", "104", "13343-13348", 2007, "gels of finite thickness", "10.1073/pnas.0705815104",
)  # fmt: skip
TAMBE = Reference(
    "Tambe2013",
    ("D. T. Tambe", "U. Croutelle", "X. Trepat", "C. Y. Park", "J. H. Kim", "E. Millet", "J. P. Butler",
     "J. J. Fredberg"),
    "Monolayer stress microscopy: limitations, artifacts, and accuracy of recovered intercellular stresses",
    "PLoS ONE", "8", "e55172", 2013, "stress in sheets of cells", "10.1371/journal.pone.0055172",
)  # fmt: skip
NIER = Reference(
    "Nier2016",
    ("V. Nier", "S. Jain", "C. T. Lim", "S. Ishihara", "B. Ladoux", "P. Marcq"),
    "Inference of internal stress in a cell monolayer",
    "Biophys. J.", "110", "1625-1635", 2016, "stress in sheets by Bayesian inversion", "10.1016/j.bpj.2016.03.002",
)  # fmt: skip
LORD = Reference(
    "Lord2020",
    ("S. J. Lord", "K. B. Velle", "R. D. Mullins", "L. K. Fritz-Laylin"),
    "SuperPlots: communicating reproducibility and variability in cell biology",
    "J. Cell Biol.", "219", "e202001064", 2020, "figures of cells and replicates", "10.1083/jcb.202001064",
)  # fmt: skip
WELCH = Reference(
    "Welch1947",
    ("B. L. Welch",),
    "The generalization of 'Student's' problem when several different population variances are involved",
    "Biometrika", "34", "28-35", 1947, "test of replicates", "10.1093/biomet/34.1-2.28",
)  # fmt: skip
