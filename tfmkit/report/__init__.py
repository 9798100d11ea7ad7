"""Results of a batch as one HTML page that needs nothing else: no server, no script, no network."""

from tfmkit.report._page import write_report

__all__ = ["write_report"]
