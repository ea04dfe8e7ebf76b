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
    if any(os.environ.get(flag, "").lower() in ("1", "true", "yes", "on") for flag in OFFLINE_FLAGS):
        return True
    if _reachable(os.environ.get("HF_ENDPOINT", "https://huggingface.co")):
        return False
    go_offline()
    console.say("offline: the Hub cannot be reached; using what is on this machine")
    return True


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
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return InputError(f"cannot load the {what} `{name}`: {first}")
