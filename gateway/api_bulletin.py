"""The registry's bulletin for whoever may read evaluation: the registry knows systems, the gateway knows people."""

from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import Response

from gateway.registry_desk import NotAnswered, RegistryDesk

Month = Annotated[str, Query(pattern=r"^20\d{2}-(0[1-9]|1[0-2])$")]
# The document has its own styles and charts and no script.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
}


def add_bulletin(app: FastAPI, registry: RegistryDesk) -> None:
    """Mount `/bulletin`."""

    @app.get("/bulletin")
    def bulletin(month: Month, lang: Literal["zh", "en"] = "zh", form: Literal["html", "pdf"] = "html") -> Response:
        try:
            body, media_type = registry.bulletin(month, lang, form)
        except NotAnswered as error:
            raise HTTPException(502, str(error)) from error
        return Response(body, media_type=media_type, headers=HEADERS)
