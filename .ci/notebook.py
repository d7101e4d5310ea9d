"""Runs every cell of a notebook over the `lake` of this folder; the notebook itself is kept without outputs.

    python notebook.py night.ipynb
"""

import sys

import nbclient
import nbformat

notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
assert not any(cell.outputs or cell.execution_count for cell in cells), f"{sys.argv[1]} holds outputs: clear them"
nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
shown = [output for cell in cells for output in cell.outputs]
warned = [output.text for output in shown if output.get("name") == "stderr"]
assert not warned, f"a cell warns: {warned}"
pictures = sum("image/png" in output.get("data", {}) for output in shown)
assert pictures == 2, f"{pictures} pictures"
print(f"{len(cells)} cells run, {pictures} pictures")
