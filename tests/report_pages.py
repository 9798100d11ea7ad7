"""What the tests of reports share: results with hostile names, and a reader of pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from batch_images import settings, write_position

from tfmkit.batch import Results, run

# Names of folders are positions. Each of these would do harm, or take room, if it were not taken as mere text.
HOSTILE = (
    "<img src=x onerror=hacked=1>",
    '"><script>hacked=1<script>',
    "$\\frac{\u202e\u05d0\u05d1\u05d2 & {{ 7*7 }}" + 12 * "long",
)
# How a reader sees them: what would turn the direction of writing is spelled out.
SHOWN = tuple(name.replace("\u202e", "\\u202e") for name in HOSTILE)
_VOID = {"meta", "img", "link", "br"}


def hostile_results(folder: Path) -> Results:
    """Return results of three positions with hostile names, the last of which has only a damaged file."""
    images = folder / "images"
    for seed, name in enumerate(HOSTILE[:2]):
        write_position(images / name, seed=seed)
    (images / HOSTILE[2]).mkdir()
    for name in ("relaxed", "deformed", "mask", "cell"):
        (images / HOSTILE[2] / f"{name}.tif").write_bytes(b"II*\0 is no image")
    files = {"mask": "{position}/mask.tif", "cell": "{position}/cell.tif"}
    config = settings(images, input=files, traction={"estimator": "FTTCCV"})
    del config["traction"]["lam"]
    return run(config, results=folder / "results")


@dataclass
class Element:
    """A tag with its attributes and the text in it, that of its children included."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    parents: list[Element] = field(default_factory=list)

    def inside(self, tag: str) -> bool:
        """Return whether a parent is of this tag."""
        return any(parent.tag == tag for parent in self.parents)


class Page(HTMLParser):
    """A page as the list of its elements; an end without its start is an error."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        element = Element(tag, dict(attrs), parents=list(self._open))
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        """Give text to everything around it."""
        for element in self._open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        """Return the elements of these tags, in order."""
        return [element for element in self.elements if element.tag in tags]

    def by_id(self, name: str) -> Element:
        """Return the element with this id."""
        (element,) = (element for element in self.elements if element.attributes.get("id") == name)
        return element

    def rows(self, table_class: str) -> list[list[str]]:
        """Return the cells of a table's body as text."""
        (table,) = (table for table in self.all("table") if table.attributes.get("class") == table_class)
        bodies = [row for row in self.all("tr") if table in row.parents and row.inside("tbody")]
        return [[cell.text for cell in self.all("th", "td") if row in cell.parents] for row in bodies]
