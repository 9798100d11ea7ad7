"""The settings of a batch: sections of a TOML file, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from tfmkit.batch._sections import (
    Source,
    check_section,
    count,
    load_toml,
    number,
    read_section,
    refuse_unknown,
    setting,
    switch,
    text,
)
from tfmkit.gel.layer import check_layer
from tfmkit.io.images.series import check_z
from tfmkit.methods import check_displacement_method, check_traction_method

_POSITIVE = number(low=0, include_low=False)


@dataclass(frozen=True)
class InputSettings:
    """Section ``[input]``: which files, and what they do not say themselves.

    Attributes
    ----------
    folder : str
        Folder that the patterns start from, relative to the configuration file.
    relaxed, deformed, cell, mask : str or None
        Patterns of the bead images, of an image of the cell to show, and of cell masks (label images, binary images,
        ImageJ regions). ``{position}`` and ``{frame}`` stand for what tells files apart.
    exclude : str or None
        Pattern of masks of what counts nowhere: debris, borders without an image.
    displacement : str or None
        Pattern of displacement files, instead of bead images.
    channel : int or None
        Channel of the beads, from 0; must be given if channels differ.
    relaxed_channel : int or None
        Channel of the beads in the relaxed file, from 0; by default that of the deformed file, or the only one.
    cell_channel : int
        Channel of the cell in its file, from 0.
    z : int, "time", "channel", "max" or None
        Plane of a Z stack in any of the files, as in `tfmkit.io.open_images`.
    position : int or None
        Which of several positions of a file, from 0.
    relaxed_frame : int
        Frame of the relaxed file that shows the relaxed gel, from 1.
    pixel_size : float or None
        Micrometres per image pixel; by default what the files say.
    interval : float or None
        Seconds between frames; by default what the files say.
    spacing : float or None
        Pixels between grid points, for displacement files that do not hold it.
    interpolate : bool
        Whether holes in displacement files are filled.
    """

    folder: str = setting(text, ".")
    relaxed: str | None = setting(text, None)
    deformed: str | None = setting(text, None)
    cell: str | None = setting(text, None)
    mask: str | None = setting(text, None)
    exclude: str | None = setting(text, None)
    displacement: str | None = setting(text, None)
    channel: int | None = setting(count(0), None)
    relaxed_channel: int | None = setting(count(0), None)
    cell_channel: int = setting(count(0), 0)
    z: int | str | None = setting(check_z, None)
    position: int | None = setting(count(0), None)
    relaxed_frame: int = setting(count(1), 1)
    pixel_size: float | None = setting(_POSITIVE, None)
    interval: float | None = setting(_POSITIVE, None)
    spacing: float | None = setting(_POSITIVE, None)
    interpolate: bool = setting(switch, False)

    @property
    def opening(self) -> dict[str, Any]:
        """Return the arguments of `tfmkit.io.open_images` that hold for every image file.

        Returns
        -------
        dict of str to object
            ``pixel_size``, ``z`` and ``position``.
        """
        return {"pixel_size": self.pixel_size, "z": self.z, "position": self.position}


@dataclass(frozen=True)
class GelSettings:
    """Section ``[gel]``.

    Attributes
    ----------
    young : float
        Young's modulus in Pa.
    poisson : float
        Poisson ratio, 0 to 0.5.
    thickness : float or None
        Thickness in micrometres; by default the gel has no end.
    depth : float
        Depth of the beads in micrometres.
    """

    young: float = setting(_POSITIVE)
    poisson: float = setting(number(low=0, high=0.5))
    thickness: float | None = setting(_POSITIVE, None)
    depth: float = setting(number(low=0), 0.0)


@dataclass(frozen=True)
class DriftSettings:
    """Section ``[drift]``.

    Attributes
    ----------
    enabled : bool
        Whether drift is looked for and undone.
    rotation : bool
        Whether a rotation is looked for too.
    margin : float
        Pixels around the cells' masks that do not count either.
    """

    enabled: bool = setting(switch, True)
    rotation: bool = setting(switch, False)
    margin: float = setting(number(low=0), 0.0)


@dataclass(frozen=True)
class RunSettings:
    """Section ``[run]``.

    Attributes
    ----------
    results : str or None
        Folder of the results, relative to the configuration file; by default the file's name with ``_results``.
    jobs : int
        Number of processes; 0 for one per core.
    samples : int
        Fields of noise behind the error bars of an item; 0 for none.
    seed : int
        Seed of that noise.
    """

    results: str | None = setting(text, None)
    jobs: int = setting(count(0), 0)
    samples: int = setting(count(0), 32)
    seed: int = setting(count(0), 0)


@dataclass(frozen=True)
class Method:
    """Name and parameters of a method.

    Attributes
    ----------
    name : str
        What it is called in the configuration.
    params : dict
        Its parameters.
    """

    name: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """All settings of a batch; `read_config` makes and checks them.

    Attributes
    ----------
    input : InputSettings
        Files.
    gel : GelSettings
        The gel.
    drift : DriftSettings
        Drift correction.
    displacement : Method
        Name of the method from bead images to displacement and its parameters.
    traction : Method
        Name of the estimator and its parameters.
    run : RunSettings
        How to run.
    home : Path
        Folder that relative paths start from.
    name : str
        Name of the configuration.
    """

    input: InputSettings
    gel: GelSettings
    drift: DriftSettings
    displacement: Method
    traction: Method
    run: RunSettings
    home: Path
    name: str

    @property
    def images(self) -> Path:
        """Return the folder that patterns start from.

        Returns
        -------
        Path
            An absolute path.
        """
        return self.home / self.input.folder

    @property
    def results(self) -> Path:
        """Return the folder of the results.

        Returns
        -------
        Path
            An absolute path.
        """
        return self.home / (self.run.results or f"{self.name}_results")

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by section, defaults included.

        Returns
        -------
        dict of str to dict
            What JSON can hold.
        """
        sections = ("input", "gel", "drift", "displacement", "traction", "run")
        return {name: asdict(getattr(self, name)) for name in sections}


_SECTIONS = {"input": InputSettings, "gel": GelSettings, "drift": DriftSettings, "run": RunSettings}
_METHODS = {"displacement": ("method", "piv"), "traction": ("estimator", "FTTCCV")}
_REQUIRED = ("input", "gel")
# Weights are a packaged name or a file.
_WEIGHTS_FILE = ".safetensors"


def read_config(config: str | PathLike[str] | Mapping[str, Any]) -> Config:
    """Read and check the settings of a batch.

    Parameters
    ----------
    config : path-like or mapping
        TOML file with the sections ``[input]``, ``[gel]``, ``[drift]``, ``[displacement]``, ``[traction]`` and
        ``[run]``, or the same as a mapping of mappings, whose paths start from the working folder.

    Returns
    -------
    Config
        The settings.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no TOML, or a section or key is unknown, missing, of another type or out of its range; the message
        names file, line and section.
    """
    if isinstance(config, Mapping):
        return _build(config, Source("settings", []), Path.cwd(), "batch")
    path = Path(config)
    if not path.is_file():
        raise FileNotFoundError(f"No such file: {path}")
    values, source = load_toml(path)
    return _build(values, source, path.resolve().parent, path.stem)


def _build(values: Mapping[str, Any], source: Source, home: Path, name: str) -> Config:
    refuse_unknown(values, [*_SECTIONS, *_METHODS], "", source)
    for section in _REQUIRED:
        if section not in values:
            raise ValueError(f"{source.where('')}: the section [{section}] is missing.")
    parts: dict[str, Any] = {
        key: read_section(kind, values.get(key, {}), key, source) for key, kind in _SECTIONS.items()
    }
    parts |= {key: _read_method(values.get(key, {}), key, source, home) for key in _METHODS}
    config = Config(**parts, home=home, name=name)
    _check_input(config, values, source)
    _check_gel(config.gel, source)
    if config.input.displacement is None:
        check_displacement_method(
            config.displacement.name, config.displacement.params, partial(source.where, "displacement")
        )
    check_traction_method(
        config.traction.name,
        config.traction.params,
        partial(source.where, "traction"),
        config.gel.poisson,
        layered=config.gel.thickness is not None or config.gel.depth > 0,
    )
    return config


def _read_method(values: Any, section: str, source: Source, home: Path) -> Method:
    check_section(values, section, source)
    key, default = _METHODS[section]
    params = {name: value for name, value in values.items() if name != key}
    if str(params.get("weights", "")).endswith(_WEIGHTS_FILE):
        params["weights"] = str(home / params["weights"])
    return Method(values.get(key, default), params)


def _check_input(config: Config, values: Mapping[str, Any], source: Source) -> None:
    files, place = config.input, source.where("input")
    if not config.images.is_dir():
        raise ValueError(f"{source.where('input', 'folder')}: there is no folder {config.images}.")
    if (files.displacement is None) == (files.relaxed is None) or (files.relaxed is None) != (files.deformed is None):
        raise ValueError(f"{place}: expected both of relaxed and deformed, or displacement alone.")
    if files.displacement is not None:
        # A setting that changes nothing would only look as if it did.
        for section in ("drift", "displacement"):
            if section in values:
                raise ValueError(f"{source.where(section)}: displacement files leave nothing to measure.")
        idle: tuple[str, ...] = (
            "channel",
            "relaxed_channel",
            "relaxed_frame",
            "cell",
            "cell_channel",
            "z",
            "position",
            "exclude",
        )
    else:
        idle = ("spacing", "interpolate")
    for key in idle:
        if key in values["input"]:
            raise ValueError(f"{source.where('input', key)}: {key} does not go with these patterns.")


def _check_gel(gel: GelSettings, source: Source) -> None:
    try:
        check_layer(gel.thickness, gel.depth)
    except ValueError as error:
        raise ValueError(f"{source.where('gel')}: {error}") from error
