"""Models on the Hugging Face Hub: downloaded once, converted once, and read from the cache from then on.

<cache>/owner--name/
    refs/main                   the commit that a branch or tag was when it was asked for
    <commit>.<format>           a weight folder of ours (`rs2sam2.checkpoints.native`)
    <commit>.<format>.rrsisd    the same of a subfolder

`<cache>` is $RS2SAM2_CACHE, otherwise `rs2sam2` in $XDG_CACHE_HOME or `~/.cache`. A folder of weights gets its name
when it is complete. Half of a download never stays, and every file is compared with the checksum that the Hub gives.
"""

import fcntl
import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

import torch

from rs2sam2.checkpoints.convert import TOKENIZERS, convert, is_native
from rs2sam2.checkpoints.hub_errors import UnreachableError, cache_errors, hub_errors
from rs2sam2.checkpoints.hub_limits import LARGEST_ANSWER, progress_up_to, require_room, short_answers
from rs2sam2.checkpoints.locate import HubName
from rs2sam2.checkpoints.native import CARD, CONFIG, FILES, FORMAT, PROVENANCE
from rs2sam2.checkpoints.reading import IN_A_FOLDER, open_tensors, shard_names
from rs2sam2.errors import OutputError, WeightsError
from rs2sam2.files import cache_folder, file_sha256, whole_file

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoSibling

# What is fetched besides the weights, where it is there.
_SMALL = (CONFIG, PROVENANCE, CARD, *TOKENIZERS)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PARTIAL = ".partial-"
_TIMEOUT_S = 10


def fetch(name: HubName, *, refresh: bool = False) -> Path:
    """A folder in our own format with the model that `name` stands for.

    What was fetched before is answered from the cache, without a word to the Hub; `refresh` asks it for the revision's
    present commit first, and falls back to the cache where it cannot be reached.

    Raises:
        WeightsError: if the Hub cannot be reached, does not have the model or does not give it to this user, if what
            arrives is damaged or cannot be converted, or if the cache cannot be written.
    """
    cached = _cached(name)
    if cached is not None and not refresh:
        return cached
    from huggingface_hub import HfApi

    api = HfApi(library_name="rs2sam2")
    try:
        with hub_errors(name), short_answers():
            info = api.model_info(name.repo, revision=name.revision, files_metadata=True, timeout=_TIMEOUT_S)
            listing = {str(file.rfilename): file for file in info.siblings or []}
    except UnreachableError:
        if cached is None:
            raise
        return cached
    if _COMMIT.fullmatch(commit := str(info.sha)) is None:
        raise WeightsError(f"{name}: the Hub gives no commit for revision {name.revision!r}; see HF_ENDPOINT")
    target = _target(name, commit)
    with cache_errors(cache_folder()), _locked(target.parent):
        if not _complete(target):
            _install(api, name, commit, listing, target)
        _remember(name, commit)
    return target


def upload(source: Path, repo: str, *, private: bool, token: str | None) -> str:
    """Put weights at the top of a repository on the Hub, which is made if there is none.

    Args:
        source: a folder in our own format, which goes as it is; or other weights, which are converted on the way.
        repo: `owner/name`.
        private: whether a new repository is for its owner only.
        token: None takes HF_TOKEN or what `hf auth login` keeps.

    Returns:
        The address of the commit.

    Raises:
        OutputError: if the Hub cannot be reached or refuses.
        WeightsError: if the weights cannot be converted.
    """
    name = HubName.parse(repo)
    if name is None or name != HubName(name.repo):
        raise OutputError(f"{repo!r} is no name on the Hub: use owner/name")
    with TemporaryDirectory(prefix="rs2sam2-") as scratch:
        folder = source if source.is_dir() else source.parent
        if not is_native(source):
            folder = Path(scratch) / "made"
            _convert(source, folder, repo)
        address = _commit(folder, name, private=private, token=token)
    # What this machine remembers of the branch is no longer so.
    shutil.rmtree(_folder(name) / "refs", ignore_errors=True)
    return address


def _commit(folder: Path, name: HubName, *, private: bool, token: str | None) -> str:
    from huggingface_hub import HfApi

    api = HfApi(library_name="rs2sam2", token=token)
    try:
        with hub_errors(name):
            api.create_repo(name.repo, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=name.repo,
                folder_path=folder,
                allow_patterns=list(FILES),
                commit_message="Weights of rs2sam2",
            )
    except (WeightsError, OSError) as error:
        raise OutputError(f"not uploaded: {error}") from error
    return str(commit.commit_url)


def _folder(name: HubName) -> Path:
    return cache_folder() / name.repo.replace("/", "--")


def _target(name: HubName, commit: str) -> Path:
    subfolder = "." + quote(str(PurePosixPath(name.subfolder)), safe="") if name.subfolder else ""
    return _folder(name) / f"{commit}.{FORMAT}{subfolder}"


def _reference(name: HubName) -> Path:
    return _folder(name) / "refs" / f"{quote(name.revision, safe='')}.commit"


def _complete(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def _cached(name: HubName) -> Path | None:
    commit = name.revision
    if _COMMIT.fullmatch(commit) is None:
        try:
            commit = _reference(name).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
    target = _target(name, commit)
    return target if _COMMIT.fullmatch(commit) and _complete(target) else None


def _remember(name: HubName, commit: str) -> None:
    if name.revision != commit:
        path = _reference(name)
        path.parent.mkdir(exist_ok=True)
        with whole_file(path) as temporary:
            temporary.write_text(commit, encoding="ascii")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time in a repository's folder; what a killed one left half done is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(_PARTIAL + "*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _install(api: "HfApi", name: HubName, commit: str, listing: "Mapping[str, RepoSibling]", target: Path) -> None:
    with TemporaryDirectory(dir=target.parent, prefix=_PARTIAL) as scratch:
        top, made = Path(scratch) / "download", Path(scratch) / "made"
        source = top / (name.subfolder or "")
        weights = _weights(name, listing)
        wanted = [file for file in _SMALL if _inside(name, file) in listing]
        for file in (*wanted, weights):
            _download(api, name, commit, _inside(name, file), listing, top)
        if weights.endswith(".index.json"):
            for file in shard_names(source / weights):
                _download(api, name, commit, _inside(name, file), listing, top)
        if is_native(source):
            if missing := sorted({*FILES} - {*wanted, weights, CARD}):
                raise WeightsError(f"{name}: not whole, {', '.join(missing)} is missing")
            made.mkdir()
            for file in (*wanted, weights):
                (source / file).rename(made / file)
        else:
            try:
                _convert(source, made, str(HubName(name.repo, name.subfolder)))
            except WeightsError as error:  # about a folder that is gone in a moment
                raise WeightsError(str(error).replace(str(source), str(name))) from error
        made.rename(target)


def _convert(source: Path, folder: Path, name: str) -> None:
    """Convert in the precision that the source is stored in."""
    with open_tensors(source) as tensors:
        kinds = {kind for kind in tensors.dtypes.values() if kind.is_floating_point}
    dtype = kinds.pop() if kinds in ({torch.float16}, {torch.bfloat16}) else torch.float32
    convert(source, folder, dtype=dtype, name=name)


def _inside(name: HubName, file: str) -> str:
    return str(PurePosixPath(name.subfolder or "") / file)


def _weights(name: HubName, listing: "Mapping[str, RepoSibling]") -> str:
    for file in IN_A_FOLDER:
        if _inside(name, file) in listing:
            return file
    elsewhere = sorted({str(PurePosixPath(file).parent) for file in listing if file.endswith(IN_A_FOLDER)} - {"."})
    advice = f"; it has some in {', '.join(elsewhere[:10])}: add subfolder={elsewhere[0]!r}" if elsewhere else ""
    place = f"its subfolder {name.subfolder!r}" if name.subfolder else "its top"
    raise WeightsError(f"{name}: no weights at {place} (looked for {', '.join(IN_A_FOLDER)}){advice}")


def _download(
    api: "HfApi", name: HubName, commit: str, file: str, listing: "Mapping[str, RepoSibling]", top: Path
) -> None:
    if file not in listing:
        raise WeightsError(f"{name}: {file} is named by the index, but the repository does not have it")
    entry = listing[file]
    # Some mirrors do not give the size of a small file.
    sizes = (entry.size, entry.lfs and entry.lfs.size, LARGEST_ANSWER)
    size = next(size for size in sizes if isinstance(size, int))
    require_room(size, top.parent)
    progress = progress_up_to(size, f"{name}: {file}")
    with hub_errors(name), short_answers():
        path = Path(api.hf_hub_download(name.repo, file, revision=commit, local_dir=top, tqdm_class=progress))
    if entry.lfs is not None:
        intact = file_sha256(path) == entry.lfs.sha256
    elif entry.blob_id is not None:  # some mirrors of the Hub do not keep it
        intact = _git_blob(path) == entry.blob_id
    else:
        intact = True
    if not intact:
        raise WeightsError(f"{name}: {file} arrived damaged (its checksum is not the Hub's); try again")


def _git_blob(path: Path) -> str:
    """Git's own name for the contents of a file: SHA-1 over a header and them."""
    header = b"blob %d\0" % path.stat().st_size
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(header, usedforsecurity=False)).hexdigest()
