"""A worker of the bulk queue whose reports take their time: python -m tests.jobs.slow_reports.

Words: a file that it appends "process may-typeset" to before it makes a report, and the seconds that it waits then.
"""

import logging
import os
import sys
import time
from pathlib import Path

from app import create_app
from customerhub import rendering
from customerhub.notifications.report import ReportData, report_pdf
from jobs import reports, worker
from jobs.queue import BULK


def main(notes: Path, seconds: float) -> int:
    def slow(data: ReportData) -> bytes:
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {rendering.is_allowed()}\n")
        time.sleep(seconds)
        return report_pdf(data)

    app = create_app()
    reports.report_pdf = slow
    return worker.run(app, app.config["HUB"], BULK)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
