"""What a server is started with."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rs2sam2.errors import ConfigError

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How much a server takes on; beyond these it refuses.

    Attributes:
        upload_bytes: of one upload.
        upload_pixels: of one upload, by its header.
        kept_bytes: of all uploads together with what is made of them; the oldest are forgotten.
        kept_uploads: as many as are kept.
        body_bytes: of a request that uploads nothing.
        scene_pixels: that one request looks at.
        expressions: in one request.
        expression_characters: in one expression.
        points: in one request.
        waiting: requests that wait for the model.
        jobs: whole rasters that wait.
        kept_jobs: finished ones whose files are kept.
        results: answers that are kept for exports and for other thresholds.
        request_seconds: for a body without a file to come, and again for the answer.
        upload_seconds: that an upload may take to come.
    """

    upload_bytes: int = 256 * MEGABYTE
    upload_pixels: int = 64 * MEGABYTE
    kept_bytes: int = 2048 * MEGABYTE
    kept_uploads: int = 64
    body_bytes: int = MEGABYTE
    scene_pixels: int = 16 * MEGABYTE
    expressions: int = 16
    expression_characters: int = 500
    points: int = 64
    waiting: int = 32
    jobs: int = 8
    kept_jobs: int = 16
    results: int = 500
    request_seconds: float = 60.0
    upload_seconds: float = 600.0


@dataclass(frozen=True)
class Settings:
    """See `rs2sam2 serve --help`.

    Attributes:
        sources: rasters, and folders of them, that requests may name.
        host: address that the server binds to.
        port: 0 takes any that is free.
        token: that requests must carry; None for none.
        insecure: whether every machine that reaches `host` may ask without a token.
        weights: as `Segmenter.from_pretrained` takes them.
        device: likewise.
        precision: likewise.
        compiled: its `compile`.
        cache: folder for overviews of rasters.
        keep: folder for corrected masks; None forgets them with the server.
        basemap: address of map tiles with {z}, {x} and {y}, shown below georeferenced images.
        limits: how much the server takes on.
    """

    sources: tuple[Path, ...]
    cache: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    insecure: bool = False
    weights: str = "nano"
    device: str | None = None
    precision: str = "auto"
    compiled: bool = False
    keep: Path | None = None
    basemap: str | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Refuse what cannot or should not be.

        Raises:
            ConfigError: a source is not there, the basemap is no address of tiles, the token is too short, or other
                machines could ask without one.
        """
        for source in self.sources:
            if not source.exists():
                raise ConfigError(f"{source}: there is no such file or folder: check the path")
        if self.token is not None and (len(self.token) < 8 or not self.token.isascii() or " " in self.token):
            raise ConfigError("the token is too short or holds blanks: give 8 or more letters and digits, as one word")
        if not (self.on_loopback or self.token or self.insecure):
            raise ConfigError(
                f"--host {self.host}: other machines could reach this server: give --token (or RS2SAM2_TOKEN), or "
                "--insecure to let in everybody"
            )
        if self.basemap is not None:
            _check_basemap(self.basemap)

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def basemap_origin(self) -> str | None:
        """Scheme and host of the basemap."""
        if self.basemap is None:
            return None
        parts = urlsplit(self.basemap)
        return f"{parts.scheme}://{parts.netloc}"


def _check_basemap(address: str) -> None:
    parts = urlsplit(address)
    plain = parts.netloc and all(c.isalnum() or c in ".-:[]" for c in parts.netloc)
    if parts.scheme not in {"http", "https"} or not plain or not all(x in address for x in ("{z}", "{x}", "{y}")):
        raise ConfigError(
            f"--basemap {address!r}: no address of tiles: give one like https://tiles.example/{{z}}/{{x}}/{{y}}.png"
        )
