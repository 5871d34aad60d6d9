"""Evaluation as HTTP: a month's figures, the cases behind each of them, the bulletin."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import Response

from gateway.registry import evaluation
from gateway.registry.bulletin import publish
from gateway.registry.bulletin.fonts import NoFont
from gateway.registry.bulletin.words import Lang
from gateway.registry.indicators import BY_NAME
from gateway.registry.store import Registry

Month = Annotated[str, Query(pattern=r"^20\d{2}-(0[1-9]|1[0-2])$")]
Level = Literal["city", "district", "subdistrict", "department", "patrol_area", "contractor"]
Form = Literal["html", "pdf"]
Part = Literal["numerator", "rest", "denominator"]
_PARTS: dict[Part, bool | None] = {"numerator": True, "rest": False, "denominator": None}


def add(app: FastAPI, registry: Registry) -> None:
    """The routes below /evaluation, and the bulletin."""

    @app.get("/evaluation")
    def month(month: Month) -> Response:
        with registry.database.read() as tx:
            body = evaluation.bulletin(tx, _period(month), registry.standard, registry.groups, registry.served)
        return _json(body | {"meanings": evaluation.meanings()})

    @app.get("/evaluation/cases")
    def cases(month: Month, indicator: str, level: Level, code: str, part: Part = "denominator") -> Response:
        if indicator not in BY_NAME:
            raise HTTPException(422, f"no indicator '{indicator}'; there are {', '.join(BY_NAME)}")
        with registry.database.read() as tx:
            period, counted = _period(month), _PARTS[part]
            found = evaluation.cases_of(tx, period, indicator, level, code, counted, registry.served)
        return _json({"cases": found})

    @app.get("/bulletin")
    def bulletin(month: Month, lang: Lang = "zh", form: Form = "html") -> Response:
        with registry.database.read() as tx:
            one = publish.issue(tx, month, registry.standard, registry.city, registry.now(), lang, "")
        if form == "html":
            return Response(publish.as_html(one), media_type="text/html; charset=utf-8")
        try:
            return Response(publish.as_pdf(one), media_type="application/pdf")
        except NoFont as error:
            raise HTTPException(503, str(error)) from error


def _period(month: str) -> evaluation.Period:
    return evaluation.month(int(month[:4]), int(month[5:]))


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
