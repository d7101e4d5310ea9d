"""Types a comment on the last row of the sheet Exceptions, or of Timing where no break is open.

    python type.py BOOK.xlsx TYPED.xlsx
"""

import sys

import openpyxl

book = openpyxl.load_workbook(sys.argv[1])
sheet = next(book[name] for name in ("Exceptions", "Timing") if book[name].max_row > 1)
labels = [cell.value for cell in sheet[1]]
sheet.cell(sheet.max_row, labels.index("Comment") + 1).value = "asked, waiting for an answer"
book.save(sys.argv[2])
