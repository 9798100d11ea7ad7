"""The results of a batch as one HTML page without scripts, which opens without a server or a network."""

from tfmkit.report.page import write_report

__all__ = ["write_report"]
