"""The numbers of a preview, with units and error bars, and the reasons to doubt them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from tfmkit.columns import AREA, CHECKS, FORCES, known, quantity_of
from tfmkit.napari.session import Preview
from tfmkit.units import format_number

_COLUMNS = ("lam", "noise_px", "drift_x_px", "drift_y_px")


class ResultsView(QWidget):
    """A table with a column for each cell, and sentences below it."""

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget()
        self.table.setAccessibleName("Results")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        # The Tab key leaves the table; the arrow keys move in it.
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.remarks = QLabel()
        self.remarks.setWordWrap(True)
        self.remarks.setTextFormat(Qt.TextFormat.PlainText)
        self.remarks.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        column.addWidget(self.remarks)

    def show_preview(self, preview: Preview) -> None:
        """Show the numbers of a preview.

        Parameters
        ----------
        preview : Preview
            The results.
        """
        header, rows = table_texts(preview.table)
        self.table.setColumnCount(len(header))
        self.table.setRowCount(len(rows))
        self.table.setHorizontalHeaderLabels(header)
        for number, texts in enumerate(rows):
            for column, text in enumerate(texts):
                self.table.setItem(number, column, QTableWidgetItem(text))
        self.table.resizeRowsToContents()
        height = self.table.horizontalHeader().height() + self.table.verticalHeader().length() + 4
        self.table.setFixedHeight(height + self.table.horizontalScrollBar().sizeHint().height())
        remarks = dict.fromkeys(preview.remarks)
        self.remarks.setText("\n".join(f"In doubt: {text}." if text else "" for text in remarks) or "No doubts.")


def table_texts(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return the table of one frame as text.

    Parameters
    ----------
    table : DataFrame
        Table of a batch: one row for each cell.

    Returns
    -------
    header : list of str
        ``"quantity"``, the name of each cell, and ``"unit"``.
    rows : list of list of str
        A row for each quantity that is known, with error bars.
    """
    rows = []
    for quantity in (*known((AREA, *FORCES, *CHECKS), table), *map(quantity_of, _COLUMNS)):
        unit = quantity.unit_for(table)
        stds = table.get(f"{quantity.column}_std", pd.Series(np.nan, table.index))
        values = [
            format_number(value * unit.factor, std * unit.factor)
            for value, std in zip(table[quantity.column], stds, strict=True)
        ]
        rows.append([_TITLES.get(quantity.column, quantity.title), *values, unit.name])
    return ["quantity", *table["cell"], "unit"], rows


_TITLES = {"lam": "lambda", "noise_px": "noise", "drift_x_px": "drift x", "drift_y_px": "drift y"}
