"""Who is asking. The login, or the proxy in front, says it once for each request; without either there is one user, "".

A context variable carries the name: it goes with the request into the threads that answer it.
"""

from __future__ import annotations

from contextvars import ContextVar

_user: ContextVar[str] = ContextVar("ssldiff_user", default="")


def current_user() -> str:
    """The user of the request that is being answered; empty without a login."""
    return _user.get()


def set_current_user(name: str) -> None:
    """For the rest of this request."""
    _user.set(name)


def may_see(owner: str) -> bool:
    """Whether the one who asks may see what belongs to ``owner``: one's own, and what is from before the login."""
    return owner in ("", current_user())


def folder_of_user(name: str) -> str:
    """The folder of a user below a shared one; empty without a login, and no name leads out of it."""
    return f"@{name.encode().hex()}" if name else ""


def user_of_folder(folder: str) -> str:
    """Whose a folder is; empty where it is nobody's."""
    try:
        return bytes.fromhex(folder[1:]).decode() if folder.startswith("@") else ""
    except ValueError:
        return "\0"  # a folder that no user has: seen by nobody
