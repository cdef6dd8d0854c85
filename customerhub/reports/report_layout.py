"""The layout of a performance report: its facts as texts, tables and charts that a template prints.

Nothing here is markup. A template gets texts as data, so users' texts are printed as written.
"""

from typing import Final

from customerhub.core.pdf import Document
from customerhub.reports import charts
from customerhub.reports.report_facts import ReportData
from customerhub.reports.report_format import ReportFormatter, shorten
from customerhub.reports.report_sections import ReportSections
from customerhub.reports.report_summary import ReportSummary

TEMPLATE: Final = "report.typ"
TITLE: Final = "Customer performance report"


def build_document(data: ReportData) -> Document:
    """The report as a document to be typeset."""
    customer, summary, sections = data.customer, ReportSummary(data), ReportSections(data)
    identifiers = (
        f"Account {customer.account_number}",
        f"Reference {customer.reference}" if customer.reference else None,
        customer.region,
        "Prospect" if customer.is_prospect else None,
    )
    created_on = summary.format_day(data.created_on)
    content = {
        "title": TITLE,
        "customer": customer.name,
        "short_name": shorten(customer.name, 60),
        "known": [text for text in identifiers if text],
        "as_of": summary.format_day(data.as_of),
        "made": f"All amounts are in {data.currency}. Made on {created_on} by {data.organisation}.",
        "replayed": _describe_replay(summary),
        "accent": charts.darken_for_print(data.brand.colour),
        "brand": data.brand.name,
        "foot": list(data.brand.foot),
        "logo": data.logo[0] if data.logo else None,
        "chips": summary.build_chips(),
        "tiles": summary.build_tiles(),
        "attention": summary.list_attention_items(),
        "sections": sections.build_sections(),
    }
    logo = dict([data.logo]) if data.logo else {}
    # Our own charts are drawings as well; what somebody else has drawn may take any time and memory.
    has_foreign_drawing = any(name.endswith(".svg") for name in logo)
    return Document(TEMPLATE, content, logo | sections.pictures, is_isolated=has_foreign_drawing)


def _describe_replay(formatter: ReportFormatter) -> str | None:
    """What the report says where it is about a day that is past."""
    data = formatter.data
    if data.as_of == data.created_on:
        return None
    as_of, created_on = formatter.format_day(data.as_of), formatter.format_day(data.created_on)
    return (
        f"Costs, reviews, messages, due and expired items are as of {as_of}. The record, status, risk, balances, "
        f"contracts, orders and documents are as of {created_on}."
    )
