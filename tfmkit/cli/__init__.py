"""The command `tfmkit`: one module per subcommand, each with ``add_arguments`` and ``run``."""

from tfmkit.cli.main import main

__all__ = ["main"]
