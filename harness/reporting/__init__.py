"""Reports of a workspace: the store's tables read, computed and handed to `reports` to render."""

from harness.reporting.build import build_report
from harness.reporting.writing import ReportFiles, write_report

__all__ = ["ReportFiles", "build_report", "write_report"]
