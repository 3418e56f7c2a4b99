"""From settings to a server that listens, until it is told to stop."""

import logging
import os
import socket
import warnings
from types import FrameType

import numpy as np
import uvicorn
from rasterio.errors import NotGeoreferencedWarning

from rs2sam2.errors import ConfigError
from rs2sam2.inference import heap
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.serving.app import create_app
from rs2sam2.serving.connection import Connection
from rs2sam2.serving.service import Service
from rs2sam2.serving.settings import Settings

_GDAL = {
    "GDAL_CACHEMAX": "128",  # megabytes
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # files beside an image have no say
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "GDAL_HTTP_TIMEOUT": "1",
}
_MOST_CONNECTIONS = 512
_LAST_SECONDS = 10
_BACKLOG = 512


class Server(uvicorn.Server):
    """Lets what was begun come to its end when it is told to stop, and takes nothing new."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        """Serve an application of this service."""
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self._service.stop()
        super().handle_exit(sig, frame)


def serve(settings: Settings) -> None:
    """Load the weights, listen, and serve until SIGTERM or Ctrl-C.

    Raises:
        ConfigError: the address cannot be listened on.
        WeightsError: the weights cannot be loaded.
    """
    heap.keep_small()
    warnings.simplefilter("ignore", NotGeoreferencedWarning)  # most images have no place on Earth
    os.environ.update({name: value for name, value in _GDAL.items() if name not in os.environ})
    listening = _listen(settings)
    with listening:
        segmenter = Segmenter.from_pretrained(
            settings.weights,
            settings.device,
            settings.precision,  # type: ignore[arg-type]
            compile=settings.compiled,
        )
        if settings.compiled:  # before somebody waits for it
            segmenter(np.zeros((64, 64, 3), np.uint8), "the building")
        service = Service(settings, segmenter)
        config = uvicorn.Config(
            create_app(service),
            http=Connection,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=round(settings.limits.request_seconds) + _LAST_SECONDS,
            h11_max_incomplete_event_size=1 << 16,
        )
        logging.getLogger("rs2sam2.serving").setLevel(logging.WARNING)
        print(f"rs2sam2 serves on {_address(settings, listening)}", flush=True)
        Server(config, service).run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)  # from the moment that the address is printed, requests wait for an answer
    except OSError as error:
        raise ConfigError(
            f"{settings.host}:{settings.port}: cannot be listened on ({error.strerror}): "
            "choose another --port or --host"
        ) from error
    return listening


def _address(settings: Settings, listening: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    token = "" if settings.token is None else f"#token={settings.token}"
    return f"http://{host}:{listening.getsockname()[1]}/{token}"
