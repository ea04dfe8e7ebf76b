"""The Hub: whether it can be reached, and its errors in words. Never waits for a time-out."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from lmfit import console
from lmfit.errors import InputError

REACH_SECONDS = 2.0
OFFLINE_FLAGS = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


def go_offline() -> None:
    """Set the flags that keep every Hub library from the network; before they are imported."""
    for flag in OFFLINE_FLAGS:
        os.environ[flag] = "1"


@cache
def is_offline() -> bool:
    """Whether the Hub is out of reach: by flag, or by one short attempt to connect, which is said in one line."""
    if any(map(_is_on, OFFLINE_FLAGS)):
        return True
    if _reachable(endpoint()):
        return False
    go_offline()
    console.say("offline: the Hub cannot be reached; using what is on this machine")
    return True


def endpoint() -> str:
    """The address of the Hub, or of the mirror that stands for it."""
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def need_hub(what: str) -> None:
    """Raises InputError where `what` needs the Hub and it is switched off, or cannot be reached."""
    for flag in OFFLINE_FLAGS:
        if _is_on(flag):
            fix = f"leave out --offline, and unset {flag}"
            raise InputError(f"{what} needs the Hub, and the Hub is switched off", where=flag, fix=fix)
    if not _reachable(endpoint()):
        fix = "check the network (or the proxy); HF_ENDPOINT names a mirror"
        raise InputError(f"{what} needs the Hub, which cannot be reached", where=_bare(endpoint()), fix=fix)


def _is_on(flag: str) -> bool:
    return os.environ.get(flag, "").lower() in ("1", "true", "yes", "on")


def _bare(url: str) -> str:
    """An address without what may be a password in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _reachable(endpoint: str) -> bool:
    """Try to connect for at most two seconds (name resolution included, in a thread, since it cannot be timed out)."""
    url = urlsplit(_proxy_of(endpoint) or endpoint)
    port = url.port or (443 if url.scheme == "https" else 80)
    done: list[bool] = []

    def attempt() -> None:
        try:
            socket.create_connection((url.hostname or "", port), timeout=REACH_SECONDS).close()
            done.append(True)
        except OSError:
            done.append(False)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(REACH_SECONDS)
    return bool(done and done[0])


def _proxy_of(endpoint: str) -> str | None:
    """The proxy that requests to the endpoint go through, if there is one."""
    from urllib.request import getproxies, proxy_bypass

    url = urlsplit(endpoint)
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if proxy is None or proxy_bypass(url.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def hub_file_cached(repo: str, filename: str, revision: str | None = None, repo_type: str = "model") -> bool:
    """Whether a file of a Hub repository is in the local cache."""
    from huggingface_hub import try_to_load_from_cache

    try:
        return isinstance(try_to_load_from_cache(repo, filename, revision=revision, repo_type=repo_type), str)
    except ValueError:
        return False


def cached_commit(repo: str, revision: str | None = None) -> str | None:
    """The commit of a model that was loaded from the Hub, as the local cache knows it."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, "config.json", revision=revision)
    return Path(found).parent.name if isinstance(found, str) else None


@contextmanager
def explain_hub_errors(name: str, what: str) -> Iterator[None]:
    """Turn the loading libraries' errors about `name` into one clear InputError."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, SafetensorError) as error:
        cause = _cause(
            error, (GatedRepoError, RevisionNotFoundError, EntryNotFoundError, RepositoryNotFoundError, HfHubHTTPError)
        )
        status = getattr(getattr(cause, "response", None), "status_code", None)
        raise _told(name, what, cause, status, error) from error


def _cause(error: BaseException, kinds: tuple[type[BaseException], ...]) -> BaseException | None:
    """The first error of the chain that is of one of the kinds."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, kinds):
        seen = seen.__cause__ or seen.__context__
    return seen


def _told(name: str, what: str, cause: BaseException | None, status: int | None, error: Exception) -> InputError:
    kind = type(cause or error).__name__
    missing_data = kind == "DatasetNotFoundError"
    missing_file = "EntryNotFound" in kind and kind != "LocalEntryNotFoundError"
    if kind == "GatedRepoError" or status == 403 or (missing_data and "gated" in str(error)):
        return InputError(
            f"the Hub lets nobody read the {what} `{name}` without its owner's consent (403)",
            fix="accept its terms on the Hub, then set HF_TOKEN",
        )
    if status == 401:
        return InputError(
            f"the Hub wants a login for the {what} `{name}`, or it does not exist (401)",
            fix="set HF_TOKEN, or check the name",
        )
    if kind == "RevisionNotFoundError":
        return InputError(
            f"the {what} `{name}` has no such revision", where="revision", fix="check the branch, tag or commit"
        )
    if kind == "RepositoryNotFoundError" or missing_data or (status == 404 and not missing_file):
        return InputError(f"the Hub has no {what} `{name}` (404)", fix="check the name; private ones need HF_TOKEN")
    if cause is not None and not missing_file:
        return InputError(
            f"the Hub refused the {what} `{name}`" + (f" ({status})" if status else ""), fix="try again later"
        )
    return InputError(f"cannot load the {what} `{name}`: {_first_sentence(error)}")


def _first_sentence(error: Exception) -> str:
    """The first line, with those that it announces by a colon."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines) if lines[0].endswith(":") else lines[0]


@contextmanager
def explain_refused_writing(repository: str) -> Iterator[None]:
    """Turn what the Hub's library says when it may not write to `repository` into one clear InputError."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    try:
        yield
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        cause = _cause(error, (HfHubHTTPError,))
        status = getattr(getattr(cause, "response", None), "status_code", None)
        raise _not_written(repository, status, error, logged_in=get_token() is not None) from error


def _not_written(repository: str, status: int | None, error: Exception, *, logged_in: bool) -> InputError:
    owner = repository.partition("/")[0]
    tokens = f"{_bare(endpoint())}/settings/tokens"
    told = {
        401: ("the Hub does not accept the token", f"make a new one that may write ({tokens}) and set HF_TOKEN")
        if logged_in
        else ("the Hub wants a login", f"set HF_TOKEN to a token that may write ({tokens})"),
        403: ("your token may not write there", f"take one with write access to `{owner}`, or publish below your name"),
        404: ("the Hub knows no such owner, repository or branch", f"check `{repository}`, --revision and HF_ENDPOINT"),
    }
    if status in told:
        what, fix = told[status]
        return InputError(f"cannot publish to `{repository}`: {what} ({status})", fix=fix)
    if status is not None:
        return InputError(f"cannot publish to `{repository}`: the Hub answers {status}", fix="try again later")
    first = str(error).strip().replace("\n", " ") or type(error).__name__
    fix = "nothing became visible on the Hub; check the network and publish again"
    return InputError(f"cannot publish to `{repository}`: {first}", where=_bare(endpoint()), fix=fix)
