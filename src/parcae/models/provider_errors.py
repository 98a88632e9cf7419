"""What a provider's failure means: may the call be tried again, may it have been billed? Knows nothing of accounts."""

from __future__ import annotations

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelServerError,
    ModelUnavailableError,
)

from parcae.core.errors import OutcomeUnknown, ProviderFailed

NOT_SENT = ("pool", "connect")
LATE = (408, 504)  # the provider, or something before it, gave up waiting: the model may have gone on
SHOWN_CHARS = 300


def understood(error: Exception, model: str, *, secret: str = "") -> ProviderFailed:
    """The failure as one of ours. `secret` is taken out of what the provider said."""
    if isinstance(error, ModelConnectionError):
        return _broken(error, model)
    if isinstance(error, ModelAPIError):
        status = error.status_code if isinstance(error, ModelHTTPError) else None
        if isinstance(error, ModelRequestTimeout) or error.in_stream or status in LATE:
            return unknown(model, _said(error, secret), retry_after_seconds=error.retry_after)
        return _refused(error, model, status, _said(error, secret))
    return unknown(model, f"its answer could not be read ({type(error).__name__}: {_cut(str(error), secret)})")


def unknown(model: str, what: str, *, retry_after_seconds: float | None = None) -> OutcomeUnknown:
    """The call may have been billed."""
    return OutcomeUnknown(
        f"{model}: {what}",
        "the call counts as spent in full; look at the provider's status page, or give `--models` another model",
        may_retry=True,
        retry_after_seconds=retry_after_seconds,
    )


def _broken(error: ModelConnectionError, model: str) -> ProviderFailed:
    if error.phase in NOT_SENT:
        return ProviderFailed(f"{model} cannot be reached", "check the network and the address", may_retry=True)
    return unknown(model, "the connection broke before the whole answer had come")


def _refused(error: ModelAPIError, model: str, status: int | None, said: str) -> ProviderFailed:
    what = f"{model} refused the call" if status is None else f"{model} refused the call with status {status}"
    code = error.provider_error_code or _code(error)
    if isinstance(error, ModelAuthenticationError) or status in (401, 403):
        return ProviderFailed(what, "check the key in the environment and what it may use")
    what = f"{what}: {said}" if said else what
    if isinstance(error, ModelQuotaExceededError) or status == 402 or code == "insufficient_quota":
        return ProviderFailed(what, "the account is out of credit or over its quota: add some, or use another model")
    if isinstance(error, ModelNotFoundError) or status == 404:
        return ProviderFailed(what, "check the model's name and the address")
    if isinstance(error, ModelContextWindowExceededError) or code == "context_length_exceeded":
        return ProviderFailed(what, "the conversation is longer than the model's window: use one with a larger window")
    passing = isinstance(error, ModelRateLimitError | ModelUnavailableError | ModelServerError)
    may_retry = passing or status == 429 or (status is not None and status >= 500)
    cure = "try later, or lower `concurrency` in the catalog" if may_retry else "this request cannot be sent as it is"
    return ProviderFailed(what, cure, may_retry=may_retry, retry_after_seconds=error.retry_after)


def _code(error: ModelAPIError) -> str | None:
    """The machine-readable code in the error's body, where OpenAI puts it."""
    inner = error.body.get("error") if isinstance(error.body, dict) else None
    code = inner.get("code") if isinstance(inner, dict) else None
    return code if isinstance(code, str) else None


def _said(error: ModelAPIError, secret: str) -> str:
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        body = inner.get("message", inner) if isinstance(inner, dict) else inner
    return _cut(str(body if body else getattr(error, "message", error)), secret)


def _cut(text: str, secret: str) -> str:
    clean = text.replace(secret, "[key]") if len(secret) > 4 else text
    return clean if len(clean) <= SHOWN_CHARS else f"{clean[:SHOWN_CHARS]}…"
