"""A worker of the bulk queue whose reports take their time: python -m tests.processes.slow_reports.

Words: a file that it appends "process may-typeset" to before it makes a report, and the seconds that it waits then.
"""

import logging
import os
import sys
import time
from pathlib import Path

from app import create_app
from customerhub.core import pdf
from customerhub.reports.performance_report import build_report_pdf
from customerhub.reports.report_facts import ReportData
from jobs import reports
from jobs.processes import worker
from jobs.queue import BULK


def main(notes: Path, seconds: float) -> int:
    def render_slowly(data: ReportData) -> bytes:
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {pdf.is_typesetting_allowed()}\n")
        time.sleep(seconds)
        return build_report_pdf(data)

    app = create_app()
    reports.build_report_pdf = render_slowly
    return worker.run(app, app.config["HUB"], BULK)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
