"""What goes wrong between this machine and the Hub, each as one line with a remedy."""

from collections.abc import Iterator
from contextlib import contextmanager

from rs2sam2.errors import Rs2Sam2Error, WeightsError
from rs2sam2.files import CACHE_VARIABLE


class UnreachableError(WeightsError):
    """The Hub did not answer, or the connection broke."""


@contextmanager
def hub_errors(name: object) -> Iterator[None]:
    """Turn whatever huggingface_hub raises inside into a `WeightsError` about `name`.

    Raises:
        UnreachableError: if the Hub was not reached or broke off.
        WeightsError: if it answered, but not with what was asked for.
        OSError: of the disk, as it is.
    """
    from huggingface_hub import errors as hub

    try:
        yield
    except (Rs2Sam2Error, MemoryError):
        raise
    except hub.OfflineModeIsEnabled as error:
        raise UnreachableError(
            f"{name}: not in the cache, and HF_HUB_OFFLINE forbids the network; unset it once, or name a local folder"
        ) from error
    except hub.GatedRepoError as error:
        raise WeightsError(
            f"{name}: its owner gives it to whom they have admitted; ask for access on its page on the Hub, "
            "then log in with `hf auth login` or set HF_TOKEN"
        ) from error
    except hub.RepositoryNotFoundError as error:
        raise WeightsError(
            f"{name}: no such folder here, and no such model on the Hub or a private one; "
            "check the name, or log in with `hf auth login` or set HF_TOKEN"
        ) from error
    except hub.RevisionNotFoundError as error:
        raise WeightsError(f"{name}: the model has no such revision; name a branch, a tag or a commit of it") from error
    except hub.HFValidationError as error:
        raise WeightsError(f"{name}: no such folder here, and no name for a model on the Hub (owner/name)") from error
    except hub.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise WeightsError(
                f"{name}: the Hub refuses ({status}); log in with `hf auth login` or set HF_TOKEN to a token "
                "that may do this"
            ) from error
        if status < 500:
            raise WeightsError(f"{name}: the Hub answers {status}: {_first_line(error)}") from error
        raise UnreachableError(f"{name}: the Hub is in trouble (it answers {status}); try again later") from error
    except Exception as error:  # those of its HTTP library, which has changed between its series, come as they are
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
            raise
        raise UnreachableError(
            f"{name}: the Hub could not be reached or broke off ({_first_line(error)}); "
            "see to the network (and HF_ENDPOINT, if it is set), then try again"
        ) from error


@contextmanager
def cache_errors(place: object) -> Iterator[None]:
    """Turn a disk that cannot be written into a `WeightsError` about the cache at `place`.

    Raises:
        WeightsError: in place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, Rs2Sam2Error):
            raise
        raise WeightsError(
            f"{place}: the cache cannot be written ({error.strerror or error}); "
            f"set {CACHE_VARIABLE} to a folder that can, with room for the model twice"
        ) from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
