"""The settings of a batch: sections of a TOML file, checked before any work.

The models below are the only description of the settings. They check a file, explain every key, and give the JSON
schema ``experiment.schema.json``, with which an editor completes and checks the keys while they are typed.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)

from tfmkit.batch.mistakes import advise_on_backslash, has_control_characters, name_mistakes
from tfmkit.batch.section import Count, NotNegative, Positive, Section, Text
from tfmkit.batch.sheet_settings import MonolayerSettings
from tfmkit.gel import Gel
from tfmkit.io.images.series import check_z
from tfmkit.io.units import check_pixel_size
from tfmkit.methods import DISPLACEMENT, TRACTION, Method, check_displacement, check_traction
from tfmkit.quantities import read_young

_MODULUS = {"anyOf": [{"type": "number", "minimum": 100}, {"type": "string", "pattern": "[Pp]a$"}]}
Modulus = Annotated[Positive, BeforeValidator(read_young), WithJsonSchema(_MODULUS)]
PixelSize = Annotated[Positive, AfterValidator(check_pixel_size)]
# Weights are a packaged name or a file.
_WEIGHTS_FILE = ".safetensors"


class InputSettings(Section):
    """Section ``[input]``: the files, and all that they do not say themselves."""

    folder: Text = "."
    """Folder that the patterns start from, relative to the configuration file."""
    relaxed: Text | None = None
    """Pattern of the images of the relaxed gel; ``{position}`` and ``{frame}`` stand for the parts that differ."""
    deformed: Text | None = None
    """Pattern of the images of the deformed gel."""
    displacement: Text | None = None
    """Pattern of displacement files, instead of bead images."""
    cell: Text | None = None
    """Pattern of images of the cell, to be shown."""
    mask: Text | None = None
    """Pattern of cell masks: label images, binary images or ImageJ regions."""
    exclude: Text | None = None
    """Pattern of masks of places that count nowhere: debris, borders without an image."""
    channel: Count | None = None
    """Channel of the beads, from 0; must be given if channels differ."""
    relaxed_channel: Count | None = None
    """Channel of the beads in the relaxed file, from 0; by default that of the deformed file, or the only one."""
    cell_channel: Count = 0
    """Channel of the cell in its file, from 0."""
    z: int | Literal["time", "channel", "max"] | None = None
    """Plane of a Z stack in any of the files, from 0, or the meaning of its planes: time, channel, or their maximum."""
    position: Count | None = None
    """Number of the position, from 0, if files hold several."""
    relaxed_frame: Annotated[int, Field(ge=1)] | Literal["each"] | None = None
    """Frame of the relaxed file for all deformed images, from 1; ``"each"`` if frame k belongs to deformed frame k."""
    pixel_size: PixelSize | None = None
    """Micrometres per image pixel; by default the number in the files."""
    interval: Positive | None = None
    """Seconds between frames; by default the number in the files."""
    spacing: Positive | None = None
    """Pixels between grid points, for displacement files that do not hold it."""
    interpolate: bool = False
    """Whether holes in displacement files are filled."""
    length_unit: Text | None = None
    """Unit of positions and displacements in the files: px, um, mm, m or nm; by default that of columns, or px."""

    @field_validator("folder")
    @classmethod
    def _exists(cls, folder: str, info: ValidationInfo) -> str:
        place = _home(info.context) / folder
        if not place.is_dir():
            raise ValueError(f"there is no folder {place}.")
        return folder

    @property
    def opening(self) -> dict[str, Any]:
        """Return the arguments of `tfmkit.io.open_images` that hold for every image file.

        Returns
        -------
        dict of str to object
            ``pixel_size``, ``z`` and ``position``.
        """
        return {"pixel_size": self.pixel_size, "z": self.z, "position": self.position}

    @property
    def reading(self) -> dict[str, Any]:
        """Return the arguments of `tfmkit.io.read_displacement` that hold for every displacement file.

        Returns
        -------
        dict of str to object
            ``interpolate``, ``spacing``, ``length_unit`` and ``pixel_size``.
        """
        names = ("interpolate", "spacing", "length_unit", "pixel_size")
        return {name: getattr(self, name) for name in names}

    @field_validator("z", mode="before")
    @classmethod
    def _is_plane(cls, value: Any) -> Any:
        return check_z(value, "z")

    @field_validator("cell", "exclude", "channel", "relaxed_channel", "cell_channel", "z", "position", "relaxed_frame")
    @classmethod
    def _goes_with_images(cls, value: Any, info: ValidationInfo) -> Any:
        return _refuse_idle(value, info, idle=info.data.get("displacement") is not None)

    @field_validator("spacing", "interpolate", "length_unit")
    @classmethod
    def _goes_with_displacement(cls, value: Any, info: ValidationInfo) -> Any:
        return _refuse_idle(value, info, idle=info.data.get("displacement") is None)

    @model_validator(mode="after")
    def _is_one_kind(self) -> InputSettings:
        images = {self.relaxed is not None, self.deformed is not None}
        if images != {self.displacement is None}:
            raise ValueError("expected both of relaxed and deformed, or displacement alone.")
        return self


class GelSettings(Section):
    """Section ``[gel]``."""

    young: Modulus
    """Young's modulus in Pa, or with its unit, such as ``"10kPa"``."""
    poisson: Annotated[float, Field(ge=0, le=0.5)]
    """Poisson ratio, 0 to 0.5."""
    thickness: Positive | None = None
    """Thickness in micrometres; by default the gel is a half-space."""
    depth: NotNegative = 0.0
    """Depth of the beads in micrometres."""

    @model_validator(mode="after")
    def _holds_its_beads(self) -> GelSettings:
        Gel(**self.model_dump())
        return self


class DriftSettings(Section):
    """Section ``[drift]``."""

    enabled: bool = True
    """Whether the drift is measured and undone."""
    rotation: bool = False
    """Whether a rotation is measured and undone too."""
    margin: NotNegative = 0.0
    """Pixels around the cells' masks where the drift is not measured either."""


class MethodSettings(Section):
    """A section with the name of a method and its parameters, which are the keys of the method itself."""

    model_config = ConfigDict(extra="allow")

    @property
    def params(self) -> dict[str, Any]:
        """Return the parameters of the method.

        Returns
        -------
        dict of str to object
            Names and values; those that are absent keep the method's default.
        """
        return dict(self.model_extra or {})

    @model_serializer
    def _as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "params": self.params}

    @property
    def name(self) -> str:
        """Return the name of the method.

        Returns
        -------
        str
            Its key in the tables of `tfmkit.methods`.
        """
        raise NotImplementedError


def _parameters_of(key: str, table: Mapping[str, Method]) -> ConfigDict:
    """Return the configuration of a model whose JSON schema knows the methods and the parameters of each."""

    def add(schema: dict[str, Any]) -> None:
        default = schema["properties"][key]["default"]
        schema["properties"][key]["enum"] = list(table)
        schema["allOf"] = [
            {
                "if": {"properties": {key: {"const": name}}, "required": [] if name == default else [key]},
                "then": {"propertyNames": {"enum": [key, *method.parameters()]}},
            }
            for name, method in table.items()
        ]

    return ConfigDict(json_schema_extra=add)


class DisplacementSettings(MethodSettings):
    """Section ``[displacement]``: the method from bead images to displacement, and its parameters."""

    model_config = _parameters_of("method", DISPLACEMENT)

    method: str = "piv"
    """Name of the method."""

    @property
    def name(self) -> str:
        """Return the name of the method.

        Returns
        -------
        str
            Its key in the tables of `tfmkit.methods`.
        """
        return self.method


class TractionSettings(MethodSettings):
    """Section ``[traction]``: the estimator from displacement to traction, and its parameters."""

    model_config = _parameters_of("estimator", TRACTION)

    estimator: str = "FTTCCV"
    """Name of the estimator."""

    @property
    def name(self) -> str:
        """Return the name of the estimator.

        Returns
        -------
        str
            Its key in the tables of `tfmkit.methods`.
        """
        return self.estimator

    @model_validator(mode="after")
    def _finds_weights(self, info: ValidationInfo) -> TractionSettings:
        extra = self.model_extra or {}
        if str(extra.get("weights", "")).endswith(_WEIGHTS_FILE):
            extra["weights"] = str(_home(info.context) / extra["weights"])
        return self


class RunSettings(Section):
    """Section ``[run]``."""

    results: Text | None = None
    """Folder of the results, relative to the configuration file; by default the file's name with ``_results``."""
    jobs: Count = 0
    """Number of processes; 0 for one per core."""
    samples: Count = 32
    """Fields of noise behind the error bars of an item; 0 for none."""
    seed: Count = 0
    """Seed of that noise."""


class Config(Section):
    """All settings of a batch; `read_config` makes and checks them."""

    input: InputSettings
    """The files."""
    gel: GelSettings
    """The gel."""
    drift: DriftSettings = DriftSettings()
    """Drift between relaxed and deformed images."""
    displacement: DisplacementSettings = DisplacementSettings()
    """Method from bead images to displacement, and its parameters."""
    traction: TractionSettings = TractionSettings()
    """Estimator from displacement to traction, and its parameters."""
    monolayer: MonolayerSettings | None = None
    """Stress inside sheets of cells; by default it is not computed."""
    run: RunSettings = RunSettings()
    """Processes, error bars and the folder of the results."""

    _home: Path = PrivateAttr()
    _name: str = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """Keep the folder that relative paths start from, and the name of the configuration.

        Parameters
        ----------
        context : dict or None
            ``home`` and ``name``; by default the working folder and ``"batch"``.
        """
        self._home, self._name = _home(context), "batch" if context is None else context["name"]

    @property
    def name(self) -> str:
        """Return the name of the configuration.

        Returns
        -------
        str
            Name of the file without its ending.
        """
        return self._name

    @property
    def images(self) -> Path:
        """Return the folder that the patterns start from.

        Returns
        -------
        Path
            An absolute path.
        """
        return self._home / self.input.folder

    @property
    def results(self) -> Path:
        """Return the folder of the results.

        Returns
        -------
        Path
            An absolute path.
        """
        return self._home / (self.run.results or f"{self.name}_results")

    @field_validator("drift", "displacement")
    @classmethod
    def _has_images(cls, value: Any, info: ValidationInfo) -> Any:
        # A setting that changes nothing would only look as if it did.
        if "input" in info.data and info.data["input"].displacement is not None:
            raise ValueError("displacement files leave nothing to measure.")
        return value

    @field_validator("displacement")
    @classmethod
    def _can_be_measured(cls, method: DisplacementSettings) -> DisplacementSettings:
        check_displacement(method.name, method.params)
        return method

    @field_validator("traction")
    @classmethod
    def _can_be_inverted(cls, method: TractionSettings, info: ValidationInfo) -> TractionSettings:
        if "gel" in info.data:
            check_traction(method.name, method.params, Gel(**info.data["gel"].model_dump()))
        return method


def read_config(config: str | PathLike[str] | Mapping[str, Any]) -> Config:
    """Read and check the settings of a batch.

    Parameters
    ----------
    config : path-like or mapping
        TOML file with the sections ``[input]``, ``[gel]``, ``[drift]``, ``[displacement]``, ``[traction]``,
        ``[monolayer]`` and ``[run]``, or the same as a mapping of mappings, whose paths start from the working folder.

    Returns
    -------
    Config
        The settings.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not TOML, or a section or key is unknown, missing, of another type or out of its range. The message
        has one line for each mistake, with file, line and section.

    Notes
    -----
    The file ``experiment.schema.json`` beside this module describes every key. An editor that knows JSON schemas
    completes and checks the settings with it, for instance after a first line ``#:schema PATH`` in the TOML file.
    """
    if isinstance(config, Mapping):
        return _validate(config, "settings", [], {"home": Path.cwd(), "name": "batch"})
    path = Path(config)
    if not path.is_file():
        raise FileNotFoundError(f"No such file: {path}")
    try:
        content = path.read_text(encoding="utf-8-sig")
        values = tomllib.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Expected a TOML file, got {path}: {error}.{advise_on_backslash(path)}") from error
    if any(has_control_characters(section) for section in values.values()):
        raise ValueError(f"Expected printable texts in {path}.{advise_on_backslash(path)}")
    return _validate(values, str(path), content.splitlines(), {"home": path.resolve().parent, "name": path.stem})


def json_schema() -> str:
    """Return the JSON schema of the settings.

    Returns
    -------
    str
        Text of ``experiment.schema.json``.
    """
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def _home(context: Any) -> Path:
    """Return the folder that relative paths start from."""
    return Path.cwd() if context is None else Path(context["home"])


def _refuse_idle(value: Any, info: ValidationInfo, *, idle: bool) -> Any:
    # A setting that changes nothing would only look as if it did.
    if idle:
        raise ValueError(f"{info.field_name} does not go with these patterns.")
    return value


def _validate(values: Mapping[str, Any], file: str, lines: list[str], context: dict[str, Any]) -> Config:
    try:
        return Config.model_validate(dict(values), context=context)
    except ValidationError as refused:
        raise ValueError(name_mistakes(refused, Config, file, lines)) from refused
