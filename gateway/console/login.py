"""Signing in: a page of its own without NiceGUI, since NiceGUI's parts are behind the gate too."""

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.console.office import Office
from gateway.console.shell import STATIC_URL, TITLE, open_ways

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = f"""<!doctype html>
<html lang="zh">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLE} · 登录 Sign in</title>
<link rel="icon" href="{STATIC_URL}/favicon.svg">
<link rel="stylesheet" href="{STATIC_URL}/login.css">
<script src="{STATIC_URL}/login.js" defer></script>
</head>
<body>
<main>
<img src="{STATIC_URL}/favicon.svg" alt="" width="56" height="56">
<h1>{TITLE}</h1>
<p class="sub">城市管理感知网关 · city case intake</p>
<form id="enter">
<label>用户名 User<input name="name" autocomplete="username" required maxlength="64" autofocus></label>
<label>密码 Password<input name="password" type="password" autocomplete="current-password" required></label>
<label>动态码 One-time code<input name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9 ]{{6,7}}"
 required></label>
<button>登录 Sign in</button>
</form>
<form id="change" hidden>
<p>首次登录请更改密码（至少 12 个字符） · The first password must be changed: 12 characters or more.</p>
<label>新密码 New password<input name="new" type="password" autocomplete="new-password" required></label>
<label>再输一次 Once more<input name="again" type="password" autocomplete="new-password" required></label>
<button>更改 Change</button>
</form>
<p id="said" role="alert"></p>
</main>
</body>
</html>"""


def add_login(app: FastAPI, office: Office) -> None:
    """Mount `/login`, and `/home`: the first page that whoever is here may open."""

    @app.get("/login")
    def login() -> Response:
        return HTMLResponse(_PAGE, headers=_HEADERS)

    @app.get("/home")
    def home(request: Request) -> Response:
        ways = open_ways(office.visit(request))
        return RedirectResponse(ways[0][0], 303) if ways else HTMLResponse("no page for your role 无可用页面", 403)
