"""glibc's heap, told to give back to the system what a server has freed."""

import ctypes

_ARENAS = -8  # M_ARENA_MAX and M_MMAP_THRESHOLD of malloc.h, mallopt(3)
_SIZE_OF_ITS_OWN = -3
_LARGE = 4 << 20


def keep_small() -> None:
    """Two heaps for all threads, and large arrays outside them: gone when freed, so that memory stays what is used.

    Left alone, glibc gives each thread a heap that never shrinks below its largest moment, and moves arrays of up to
    32 MB into it. To be called before threads begin. Does nothing where the C library has no such settings.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENAS, 2)
        mallopt(_SIZE_OF_ITS_OWN, _LARGE)
