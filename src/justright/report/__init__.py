"""The report of a run: one HTML file that opens offline and opens with what a customer must hear.

Of a ladder the first picture says why this rung: under-fit, just right, over-fit.

A reader of run folders: it trains nothing, scores nothing and changes nothing. A file that is not
there leaves its section out with one sentence.
"""

from justright.report.page import write_report

__all__ = ["write_report"]
