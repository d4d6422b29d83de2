"""The door: around the whole app, so that no route, mounted page or socket can be forgotten.

Without a login every address answers 401; one that a browser opened as a page shows the form with it. A login is a
cookie signed with a key of this run of the server; programs may send HTTP Basic instead. With ``proxy_header`` a proxy
in front has done all this and names the user in a header, which it must strip from what comes from outside.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import html
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ssldiff_core.errors import SettingsError

from .users import set_current_user

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "ssldiff-login"
SESSION_S = 30 * 24 * 3600
WRONG_DELAY_S = 0.5
MAX_FORM_BYTES = 4096
HTML = {"content-type": "text/html; charset=utf-8"}


def read_accounts(given: str) -> dict[str, str]:
    """Names and passwords from ``name:password``, or from a file with one such line for each user.

    Raises:
        SettingsError: where there is none, or a line has no name or no password.
    """
    path = Path(given).expanduser()
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else [given]
    accounts: dict[str, str] = {}
    for line in (line.strip() for line in lines):
        name, colon, password = line.partition(":")
        if not line or line.startswith("#"):
            continue
        if not (name.strip() and colon and password):
            found = "a line has no name or no password" if path.is_file() else f"{name!r} is no account"
            raise SettingsError(
                "start with a login", found, "an account is name:password",
                "For example --auth anna:secret, or --auth FILE with a line for each user",
            )  # fmt: skip
        accounts[name.strip()] = password
    if not accounts:
        raise SettingsError("start with a login", "there is no account in the file", "an account is name:password")
    return accounts


class Login:
    """An ASGI app around another.

    Args:
        app: what is behind the door.
        accounts: password of each user.
        proxy_header: name of the header in which a proxy names the user; then there are no accounts.
    """

    def __init__(self, app: App, accounts: Mapping[str, str], proxy_header: str = "") -> None:
        self._app, self._header = app, proxy_header.lower()
        self._salt, self._key = secrets.token_bytes(16), secrets.token_bytes(32)
        self._accounts = {name: self._digest(password) for name, password in accounts.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        user = await self._user_of(headers)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] == "http" and path == "/login" and scope["method"] == "POST" and self._accounts:
            await self._log_in(headers, receive, send)
        elif scope["type"] == "http" and path == "/logout" and scope["method"] == "POST":
            await _answer(send, 303, "", {"location": ".", "set-cookie": f"{COOKIE}=; Max-Age=0; Path=/"})
        elif user or (path == "/healthz" and scope["type"] == "http"):
            set_current_user(user)
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401})
        else:
            await self._refuse(headers, send)

    async def _user_of(self, headers: Mapping[str, str]) -> str:
        if self._header:
            return headers.get(self._header, "").strip()[:120]
        user = self._from_cookie(headers.get("cookie", ""))
        scheme, _, code = headers.get("authorization", "").partition(" ")
        if not user and scheme.lower() == "basic":
            try:
                name, _, password = base64.b64decode(code, validate=True).decode("utf-8").partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return ""
            return await self._checked(name, password)
        return user

    def _from_cookie(self, text: str) -> str:
        try:
            morsel = SimpleCookie(text).get(COOKIE)
            name, until, signature = (morsel.value if morsel else "").split(".")
            good = hmac.compare_digest(signature, self._sign(name, until)) and int(until) > time.time()
            user = base64.urlsafe_b64decode(name).decode("utf-8") if good else ""
        except (ValueError, CookieError):
            return ""
        return user if user in self._accounts else ""

    async def _checked(self, name: str, password: str) -> str:
        digest = await asyncio.to_thread(self._digest, password)
        if hmac.compare_digest(digest, self._accounts.get(name, b"\0" * len(digest))):
            return name
        await asyncio.sleep(WRONG_DELAY_S)
        return ""

    async def _log_in(self, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body") or len(body) > MAX_FORM_BYTES:
                break
        form = parse_qs(body[:MAX_FORM_BYTES].decode("utf-8", "replace"))
        name, password = (form.get(key, [""])[0] for key in ("name", "password"))
        origin = headers.get("origin")
        same = origin is None or urlsplit(origin).netloc in (headers.get("host"), headers.get("x-forwarded-host"))
        if not same or not await self._checked(name, password):
            await _answer(send, 401, _form("Name or password is wrong.", name), HTML)
            return
        coded, until = base64.urlsafe_b64encode(name.encode()).decode(), str(int(time.time() + SESSION_S))
        signed = f"{coded}.{until}.{self._sign(coded, until)}"
        cookie = f"{COOKIE}={signed}; HttpOnly; SameSite=Lax; Path=/; Max-Age={SESSION_S}"
        if headers.get("x-forwarded-proto") == "https":
            cookie += "; Secure"
        await _answer(send, 303, "", {"location": ".", "set-cookie": cookie})

    async def _refuse(self, headers: Mapping[str, str], send: Send) -> None:
        if "text/html" in headers.get("accept", "") and self._accounts:
            await _answer(send, 401, _form(), HTML)
            return
        challenge = {} if self._header else {"www-authenticate": "Basic"}
        text = '{"error": "You are not logged in. Reload the page."}'
        fetched = headers.get("sec-fetch-mode") in ("cors", "no-cors", "same-origin")
        await _answer(send, 401, text, {"content-type": "application/json", **({} if fetched else challenge)})

    def _digest(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode(), salt=self._salt, n=2**13, r=8, p=1)

    def _sign(self, name: str, until: str) -> str:
        return hmac.new(self._key, f"{name}.{until}".encode(), hashlib.sha256).hexdigest()


async def _answer(send: Send, status: int, text: str, headers: Mapping[str, str]) -> None:
    fields = {"cache-control": "no-store", **headers}
    coded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": coded})
    await send({"type": "http.response.body", "body": text.encode()})


def _form(message: str = "", name: str = "") -> str:
    """The login page, complete in itself: behind the door not even a style sheet is reached."""
    page = Path(__file__).parent.joinpath("styles", "login.html").read_text(encoding="utf-8")
    return page.replace("{message}", html.escape(message)).replace("{name}", html.escape(name, quote=True))
