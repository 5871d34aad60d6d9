"""A month's bulletin out of the database: kept figures where there are any, else reckoned now."""

from datetime import date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from gateway.registry import evaluation, kept
from gateway.registry.bulletin import fonts, html, pdf
from gateway.registry.bulletin.compose import Issue, compose
from gateway.registry.bulletin.words import Lang
from gateway.registry.city import City
from gateway.registry.evaluation import Period
from gateway.registry.kept import Row
from gateway.registry.standard import Standard
from gateway.times import from_text, to_text


def issue(
    tx: sa.Connection, month: str, standard: Standard, city: City | None, now: datetime, lang: Lang, api: str
) -> Issue:
    """`month`: YYYY-MM. The month before is compared with when anything was reported in it."""
    period = evaluation.month(int(month[:4]), int(month[5:]))
    last = date(int(month[:4]), int(month[5:]), 1) - timedelta(days=1)
    before = _figures(tx, evaluation.month(last.year, last.month), standard, city)
    body = _figures(tx, period, standard, city)
    old = before if before["figures"]["rows"] else None
    return Issue(month, body, old, lang, api.rstrip("/"), to_text(now) >= period.end)


def as_html(one: Issue) -> bytes:
    """One file."""
    return html.page(compose(one), one.lang)


def as_pdf(one: Issue, font: Path | None = None) -> bytes:
    """One file, dated as of when its figures were reckoned. Raises fonts.NoFont."""
    made = from_text(one.body["figures"]["as_of"])
    return pdf.document(compose(one), one.lang, fonts.find(font), made)


def _figures(tx: sa.Connection, period: Period, standard: Standard, city: City | None) -> Row:
    return kept.stored(tx, period) or kept.reckon(tx, period, standard, city)
