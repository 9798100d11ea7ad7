"""The noise of displacement fields: measured, and drawn."""
